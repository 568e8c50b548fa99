# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What may be sealed or kept as JSON: one spelling, no free text, and faults that never repeat a value."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from schemas import event, registry
from schemas.registry import Fault, InvalidPart, Registry

DEFINITIONS = Path(registry.__file__).parent / "definitions"
REGISTRY = registry.load()
NAME = "Janssen-Planted"
BSN = "999900006"


def _file(schema_id: str, suffix: str) -> Path:
    name, version = schema_id.split("/")
    (found,) = DEFINITIONS.glob(f"*/{version}/{name}{suffix}")
    return found


def _schema(schema_id: str) -> dict[str, object]:
    schema: dict[str, object] = json.loads(_file(schema_id, ".json").read_bytes())
    return schema


def _example(schema_id: str) -> dict[str, object]:
    example: dict[str, object] = json.loads(_file(schema_id, ".example.json").read_bytes())
    return example


def _canonical(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _faults(schema_id: str, raw: bytes) -> tuple[Fault, ...]:
    with pytest.raises(InvalidPart, match=r"^/") as caught:
        REGISTRY.validate(schema_id, raw)
    return caught.value.faults


def _nodes(schema: object) -> Iterator[dict[str, object]]:
    if isinstance(schema, dict):
        yield schema
    for value in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _nodes(value)


def _edits(value: object, plant: Callable[[object], list[object]]) -> Iterator[object]:
    """Every version of this value in which `plant` has replaced one node."""
    yield from plant(value)
    if isinstance(value, dict):
        for name, child in value.items():
            yield from ({**value, name: edited} for edited in _edits(child, plant))
    if isinstance(value, list):
        for index, child in enumerate(value):
            yield from ([*value[:index], edited, *value[index + 1 :]] for edited in _edits(child, plant))


@pytest.mark.parametrize("schema_id", REGISTRY.schema_ids)
def test_every_definition_has_an_example_that_an_outside_judge_accepts_too(schema_id: str) -> None:
    schema, example = _schema(schema_id), _example(schema_id)
    Draft202012Validator.check_schema(schema)

    raw = REGISTRY.encode(schema_id, example)

    assert Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).is_valid(example)
    assert REGISTRY.validate(schema_id, raw) == example
    assert raw == _canonical(example)


@pytest.mark.parametrize("schema_id", REGISTRY.schema_ids)
def test_no_definition_takes_a_property_that_it_does_not_name(schema_id: str) -> None:
    objects = [node for node in _nodes(_schema(schema_id)) if "object" in node.get("type", ())]  # type: ignore[operator]

    assert objects
    assert all(node["additionalProperties"] is False for node in objects)


@pytest.mark.parametrize("schema_id", REGISTRY.schema_ids)
def test_no_definition_has_a_field_for_free_text(schema_id: str) -> None:
    strings = [node for node in _nodes(_schema(schema_id)) if "string" in node.get("type", ())]  # type: ignore[operator]

    for node in strings:
        pattern = str(node["pattern"])
        assert pattern.startswith("^")
        assert pattern.endswith("$")
        assert " " not in pattern
        assert ".*" not in pattern


@pytest.mark.parametrize("schema_id", REGISTRY.schema_ids)
def test_every_array_that_travels_is_bounded(schema_id: str) -> None:
    for node in _nodes(_schema(schema_id)):
        if node.get("type") == "array":
            assert node.get("uniqueItems") or "maxItems" in node or schema_id == "rule-table/1"


def test_the_words_of_an_event_are_those_of_its_definitions() -> None:
    progress, service = _schema("progress/1")["properties"], _schema("service/1")["properties"]
    assert isinstance(progress, dict)
    assert isinstance(service, dict)

    assert set(progress["kind"]["enum"]) == set(event.Kind)
    assert set(progress["ending"]["enum"]) == set(event.Ending)
    assert set(service["law"]["enum"]) == set(event.Law)


@pytest.mark.parametrize("kind", list(event.Kind))
def test_every_kind_of_event_is_a_valid_part(kind: event.Kind) -> None:
    told = event.Event(kind, 20_515, event.Law.WMO, reference="100000123")

    for category, part in told.parts(event.CATEGORIES).items():
        REGISTRY.encode(f"{category}/1", part)


@pytest.mark.parametrize("kind", sorted(set(event.Kind) - {event.Kind.BEEINDIGD}))
def test_an_ending_goes_with_the_kind_beeindigd_only(kind: str) -> None:
    part = {"date": "2026-03-03", "ending": "overleden", "kind": kind}

    assert _faults("progress/1", _canonical(part)) == (Fault("/kind", "const"),)


def test_the_published_size_classes_are_those_in_force() -> None:
    assert json.loads((DEFINITIONS / "sizes.json").read_bytes()) == registry.SIZE_CLASS


@pytest.mark.parametrize(
    ("name", "longest"),
    [
        ("progress", {"date": "2026-03-03", "ending": "ander-domein", "kind": "beeindigd"}),
        ("progress", {"date": "2026-03-03", "kind": "uitkomst-beschikbaar"}),
        ("service", {"law": "participatiewet", "reference": "9" * 64}),
        (
            "control",
            {
                "date": "2026-03-03",
                "event": "f" * 32,
                "kind": "event",
                "late": False,
                "schemas": {"progress": "progress/999", "service": "service/999"},
            },
        ),
        (
            "introduction",
            {
                "automatic": False,
                "event": "f" * 32,
                "identity": {"bsn": BSN},
                "kind": "introduction",
                "late": False,
                "renews": "f" * 64,
                "salt": "f" * 64,
                "secret": "f" * 64,
                "source": "f" * 64,
                "terms": {
                    "begin": "2026-03-01",
                    "categories": ["progress", "service"],
                    "end": "2027-02-28",
                    "ground": "statutory",
                    "law": "participatiewet",
                    "purpose": "a" * 40,
                    "row": 9999,
                },
            },
        ),
    ],
)
def test_the_longest_part_fits_its_size_class(name: str, longest: dict[str, object]) -> None:
    assert len(REGISTRY.encode(f"{name}/1", longest)) + 4 <= registry.SIZE_CLASS[name]


def test_versions_are_numbers_and_an_unknown_category_has_none() -> None:
    assert REGISTRY.versions("progress") == (1,)
    assert REGISTRY.versions("income") == ()


@pytest.mark.parametrize("schema_id", ["progress/2", "income/1", "progress", "", NAME])
def test_an_unknown_schema_id_is_refused_without_its_name(schema_id: str) -> None:
    assert _faults(schema_id, b"{}") == (Fault("/", "schema"),)


@pytest.mark.parametrize(
    ("raw", "keyword"),
    [
        (b'{"date": "2026-03-03","kind":"gestart"}', "canonical"),
        (b'{"kind":"gestart","date":"2026-03-03"}', "canonical"),
        (b'{"date":"2026-03-03","kind":"afgewezen","kind":"gestart"}', "canonical"),
        (b'{"date":"2026-03-03","kind":"gest\\u0061rt"}', "canonical"),
        (b'{"date":"2026-03-03","kind":"gestart"}\n', "canonical"),
        (b'\xef\xbb\xbf{"date":"2026-03-03","kind":"gestart"}', "json"),
        (b'{"date":"2026-03-03","kind":"\xff"}', "json"),
        ('{"date":"2026-03-03","kind":"gestart"}'.encode("utf-16"), "json"),
        (b'{"date":"2026-03-03","kind":NaN}', "json"),
        (b'{"date":"2026-03-03"', "json"),
        (b"", "json"),
        (b"[" * 2000 + b"]" * 2000, "json"),
        (b"[" * 10_000, "size"),
        (b'"' + b"a" * 4095 + b'"', "size"),
        (b"[]", "type"),
        (b'"gestart"', "type"),
        (b"null", "type"),
    ],
)
def test_only_the_one_canonical_spelling_is_accepted(raw: bytes, keyword: str) -> None:
    assert _faults("progress/1", raw) == (Fault("/", keyword),)


def test_a_whole_number_spelled_as_a_fraction_is_refused() -> None:
    example = _example("introduction/1")
    terms = example["terms"]
    assert isinstance(terms, dict)

    assert _faults("introduction/1", _canonical({**example, "terms": {**terms, "row": 1.0}})) == (
        Fault("/", "integer"),
    )


@pytest.mark.parametrize(
    "date", ["2026-02-29", "2026-3-3", "0000-01-01", "1969-12-31", "2026-03-03T00:00:00", "2026-03-03\n", "20260303"]
)
def test_a_date_that_is_none_is_refused(date: str) -> None:
    assert {fault.path for fault in _faults("progress/1", _canonical({"date": date, "kind": "gestart"}))} == {"/date"}


@pytest.mark.parametrize("bsn", ["999900007", "000000000", "99990000", "9999000061", "99990000a", "９９９９００００６"])
def test_an_introduction_with_a_bsn_that_fails_the_eleven_test_is_refused(bsn: str) -> None:
    faults = _faults("introduction/1", _canonical({**_example("introduction/1"), "identity": {"bsn": bsn}}))

    assert Fault("/identity/bsn", "format") in faults


def test_all_faults_are_named_at_once() -> None:
    faults = _faults("progress/1", _canonical({"date": 3, "kind": NAME, NAME: 1}))

    assert faults == (Fault("/", "additionalProperties"), Fault("/date", "type"), Fault("/kind", "enum"))


@pytest.mark.parametrize("schema_id", REGISTRY.schema_ids)
def test_a_planted_name_or_number_never_appears_in_a_fault(schema_id: str) -> None:
    def plant(node: object) -> list[object]:
        strange = [NAME, BSN + " ", int(BSN), [NAME], {NAME: BSN}, {BSN: {BSN: NAME}}]
        return strange + ([{**node, NAME: BSN}, {**node, BSN: NAME}] if isinstance(node, dict) else [])

    refused = 0
    for edited in _edits(_example(schema_id), plant):
        try:
            REGISTRY.validate(schema_id, _canonical(edited))
        except InvalidPart as invalid:
            refused += 1
            said = repr(invalid) + str(invalid) + repr(invalid.faults)
            assert NAME not in said
            assert BSN not in said
            assert all(fault.path.startswith("/") and fault.keyword for fault in invalid.faults)

    assert refused > 10


def test_a_property_whose_name_is_a_number_is_not_taken_for_an_index(tmp_path: Path) -> None:
    folder = tmp_path / "loose" / "1"
    folder.mkdir(parents=True)
    inner = {"type": "object", "properties": {"day": {"type": "integer"}}}
    (folder / "loose.json").write_bytes(orjson.dumps({"type": "object", "additionalProperties": inner}))

    with pytest.raises(InvalidPart, match=r"^/\?/\? type$"):
        registry.load(tmp_path).validate("loose/1", _canonical({BSN: {"day": NAME}}))


def test_an_index_of_an_array_is_named() -> None:
    example = _example("introduction/1")
    terms = example["terms"]
    assert isinstance(terms, dict)
    edited = {**example, "terms": {**terms, "categories": ["progress", NAME]}}

    assert _faults("introduction/1", _canonical(edited)) == (Fault("/terms/categories/1", "enum"),)


@pytest.mark.parametrize("value", [{"date": b"2026"}, {"date": "\ud800"}, {1: "2026-03-03"}, {"date": object()}])
def test_what_is_not_json_can_not_be_encoded(value: dict[str, object]) -> None:
    with pytest.raises(InvalidPart, match=r"^/ json$"):
        REGISTRY.encode("progress/1", value)


def test_what_the_encoder_would_turn_into_text_is_still_validated() -> None:
    with pytest.raises(InvalidPart, match=r"^/kind enum$"):
        REGISTRY.encode("progress/1", {"date": "2026-03-03", "kind": UUID(int=1)})


WORDS = st.sampled_from([*event.Kind, *event.Ending, "2026-03-03", "2026-02-30", "wmo", "100000123", NAME])
VALUES = st.one_of(WORDS, st.none(), st.integers(), st.booleans(), st.text(max_size=12), st.lists(WORDS, max_size=2))
OBJECTS = st.dictionaries(st.sampled_from(["kind", "date", "ending", "law", "reference", NAME]), VALUES, max_size=4)
JUDGES = {
    name: Draft202012Validator(_schema(name), format_checker=Draft202012Validator.FORMAT_CHECKER)
    for name in ("progress/1", "service/1")
}


@given(st.sampled_from(sorted(JUDGES)), OBJECTS)
@settings(max_examples=300, deadline=None)
def test_nothing_is_accepted_that_an_outside_judge_refuses(schema_id: str, value: dict[str, object]) -> None:
    try:
        REGISTRY.encode(schema_id, value)
    except InvalidPart:
        return

    assert JUDGES[schema_id].is_valid(value)


def test_a_registry_is_made_new_at_each_load() -> None:
    other = registry.load()

    assert isinstance(other, Registry)
    assert other is not REGISTRY
    assert other.schema_ids == REGISTRY.schema_ids
