# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What an outsider's own check of an export or a proof finds, attack by attack; and that it stands alone."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from hub.audit import merkle, verify
from hub.audit.checkpoint import (
    Checkpoint,
    NoteError,
    log_origin,
    open_note,
    parse_verifier_key,
    sign,
    verifier_key,
)
from hub.audit.export import proof_text, write_export
from schemas.entry import Entry, committed, public

NOTE_FILES = Path(__file__).parents[2] / "vectors" / "checkpoint"
NAME = "hub.example"
ORIGIN = log_origin(NAME, 1)
SEED = bytes(range(32))
PUBLIC = bytes(SigningKey(SEED).verify_key)
VKEY = verifier_key(NAME, PUBLIC)
FORGER = b"\x07" * 32
ENTRIES = 300
KEPT = 200


def entry(number: int) -> Entry:
    """Every tenth is public."""
    if number % 10 == 0:
        return public(b"manifest %d" % number)
    return committed([1, 20_000, "sum", number], sha256(b"salt %d" % number).digest())


WHOLE = [entry(number) for number in range(ENTRIES)]
# What an outsider is shown: of the records, every seventh was erased.
LOG = [one._replace(record=b"") if n % 7 == 0 and n % 10 else one for n, one in enumerate(WHOLE)]


def tree_of(entries: Sequence[Entry]) -> merkle.MemoryTree:
    return merkle.MemoryTree([merkle.leaf_hash(one.leaf) for one in entries])


def note_of(entries: Sequence[Entry], size: int | None = None, origin: str = ORIGIN) -> str:
    size = len(entries) if size is None else size
    return sign(Checkpoint(origin, size, merkle.root_at(tree_of(entries), size)), NAME, SEED)


NOTE, KEPT_NOTE = note_of(LOG), note_of(LOG, KEPT)
EXPORT = list(write_export(LOG, [KEPT_NOTE, NOTE]))


def resigned(entries: Sequence[Entry]) -> list[str]:
    """The export of a hub that changed its log and signed it again."""
    return list(write_export(entries, [note_of(entries)]))


# ------------------------------------------------------------------------------------------------ sound


def test_an_untouched_export_is_sound() -> None:
    report = verify.verify_export(EXPORT, VKEY, KEPT_NOTE)
    assert report.faults == ()
    assert report.ok
    assert report.head == verify.Head(ORIGIN, ENTRIES, tree_of(LOG).root())
    assert (report.entries, report.records, report.public, report.erased, report.checkpoints) == (300, 232, 30, 38, 2)


def test_erasing_a_record_leaves_every_checkpoint_valid() -> None:
    erased = [one._replace(record=b"") for one in LOG]
    report = verify.verify_export(write_export(erased, [KEPT_NOTE, NOTE]), VKEY, KEPT_NOTE)
    assert report.ok
    assert (report.records, report.public, report.erased) == (0, 0, 300)


def test_an_empty_log_is_sound() -> None:
    report = verify.verify_export(write_export([], [note_of([])]), VKEY, note_of([]))
    assert report.ok
    assert report.entries == 0


def test_every_log_extends_the_empty_one() -> None:
    assert verify.verify_export(EXPORT, VKEY, note_of([])).ok


def test_lines_may_come_without_their_newlines() -> None:
    assert verify.verify_export([line.rstrip("\n") for line in EXPORT], VKEY).ok


# ------------------------------------------------------------------------------------------------ attacks on an export


def test_one_leaf_changed() -> None:
    lines = EXPORT.copy()
    lines[8] = EXPORT[15].replace("14 ", "7 ", 1)  # both were erased: a line is just its leaf
    faults = verify.verify_export(lines, VKEY, KEPT_NOTE).faults
    assert faults == (
        "the entries give another root than the checkpoint of size 200",
        "the entries give another root than the checkpoint of size 300",
        "the log doesn't extend the checkpoint that you kept, of size 200",
    )


def test_one_record_changed() -> None:
    changed = [*LOG[:3], WHOLE[3]._replace(record=b"record 33"), *LOG[4:]]
    report = verify.verify_export(write_export(changed, [NOTE]), VKEY, KEPT_NOTE)
    assert report.faults == ("the record of entry 3 isn't the one that was logged",)


def test_one_public_content_changed() -> None:
    changed = [*LOG[:10], WHOLE[10]._replace(record=b"manifest 666"), *LOG[11:]]
    report = verify.verify_export(write_export(changed, [NOTE]), VKEY, KEPT_NOTE)
    assert report.faults == ("the record of entry 10 isn't the one that was logged",)


def test_a_record_passed_off_as_public() -> None:
    one = WHOLE[3]
    assert one.salt is not None
    changed = [*LOG[:3], Entry(one.leaf, None, one.salt + one.record), *LOG[4:]]
    report = verify.verify_export(write_export(changed, [NOTE]), VKEY)
    assert report.faults == ("the record of entry 3 isn't the one that was logged",)


def test_salt_and_record_cut_elsewhere() -> None:
    one = WHOLE[3]
    assert one.salt is not None
    shifted = Entry(one.leaf, one.salt + one.record[:1], one.record[1:])
    report = verify.verify_export(write_export([*LOG[:3], shifted, *LOG[4:]], [NOTE]), VKEY)
    assert report.faults == ("entry 3 isn't well formed",)


def test_two_records_exchanged() -> None:
    changed = LOG.copy()
    changed[3] = Entry(WHOLE[3].leaf, WHOLE[4].salt, WHOLE[4].record)
    changed[4] = Entry(WHOLE[4].leaf, WHOLE[3].salt, WHOLE[3].record)
    report = verify.verify_export(write_export(changed, [NOTE]), VKEY)
    assert len(report.faults) == 2


def test_a_leaf_removed() -> None:
    report = verify.verify_export(EXPORT[:6] + EXPORT[7:], VKEY, KEPT_NOTE)
    assert report.faults == ("where entry 5 should stand is something else",)


def test_a_leaf_removed_and_the_rest_numbered_again() -> None:
    lines = list(write_export([*LOG[:5], *LOG[6:]], [note_of(LOG[1:])]))
    lines[300:] = EXPORT[301:]
    report = verify.verify_export(lines, VKEY, KEPT_NOTE)
    assert report.faults == ("the last checkpoint is of 300 entries, the export has 299",)


def test_a_leaf_removed_and_the_log_signed_again() -> None:
    report = verify.verify_export(resigned([*LOG[:5], *LOG[6:]]), VKEY, KEPT_NOTE)
    assert report.faults == ("the log doesn't extend the checkpoint that you kept, of size 200",)


def test_a_leaf_added_after_the_last_checkpoint() -> None:
    lines = [*EXPORT[:301], f"300 {b64encode(WHOLE[7].leaf).decode()}\n", *EXPORT[301:]]
    report = verify.verify_export(lines, VKEY)
    assert report.faults == ("the last checkpoint is of 300 entries, the export has 301",)


def test_two_leaves_exchanged_and_the_log_signed_again() -> None:
    report = verify.verify_export(resigned([LOG[1], LOG[0], *LOG[2:]]), VKEY, KEPT_NOTE)
    assert report.faults == ("the log doesn't extend the checkpoint that you kept, of size 200",)


@pytest.mark.parametrize("length", range(1, 302, 30))
def test_truncated_among_the_entries(length: int) -> None:
    report = verify.verify_export(EXPORT[:length], VKEY)
    assert report.faults == ("the export ends without a checkpoint",)
    assert report.entries == length - 1


@pytest.mark.parametrize("length", range(302, len(EXPORT)))
def test_truncated_among_the_checkpoints(length: int) -> None:
    report = verify.verify_export(EXPORT[:length], VKEY)
    first_only = length == 302 + len(KEPT_NOTE.splitlines())
    expected = "the last checkpoint is of 200 entries" if first_only else "the last checkpoint isn't complete"
    assert report.faults[0].startswith(expected)


def test_truncated_in_the_middle_of_a_line() -> None:
    assert verify.verify_export([*EXPORT[:50], EXPORT[50][:-9]], VKEY).faults == ("entry 49 isn't well formed",)


def test_the_root_forged_by_another_key() -> None:
    forged = sign(Checkpoint(ORIGIN, ENTRIES, bytes(32)), NAME, FORGER)
    report = verify.verify_export(write_export(LOG, [forged]), VKEY)
    assert report.faults == ("a checkpoint isn't signed by the key that you gave",)


def test_the_root_forged_by_the_hub_itself() -> None:
    forged = sign(Checkpoint(ORIGIN, ENTRIES, bytes(32)), NAME, SEED)
    report = verify.verify_export(write_export(LOG, [forged]), VKEY)
    assert report.faults == ("the entries give another root than the checkpoint of size 300",)


def test_an_earlier_checkpoint_forged_by_the_hub_itself() -> None:
    forged = sign(Checkpoint(ORIGIN, KEPT, bytes(32)), NAME, SEED)
    report = verify.verify_export(write_export(LOG, [forged, NOTE]), VKEY)
    assert report.faults == ("the entries give another root than the checkpoint of size 200",)


def test_an_older_checkpoint_that_isnt_extended() -> None:
    rewritten = [*LOG[:9], entry(999), *LOG[10:]]
    alone = verify.verify_export(resigned(rewritten), VKEY)
    assert alone.ok  # nothing in the file itself is wrong: only the kept checkpoint shows it
    report = verify.verify_export(resigned(rewritten), VKEY, KEPT_NOTE)
    assert report.faults == ("the log doesn't extend the checkpoint that you kept, of size 200",)


def test_an_older_checkpoint_that_is_larger_than_the_log() -> None:
    report = verify.verify_export(resigned(LOG[:100]), VKEY, KEPT_NOTE)
    assert report.faults == ("the log has become shorter than the checkpoint that you kept, of size 200",)


def test_an_older_checkpoint_of_another_log() -> None:
    other = note_of(LOG, KEPT, log_origin(NAME, 2))
    assert verify.verify_export(EXPORT, VKEY, other).faults == ("the checkpoint that you kept is of another log",)


def test_an_older_checkpoint_that_the_hub_never_signed() -> None:
    forged = sign(Checkpoint(ORIGIN, KEPT, bytes(32)), NAME, FORGER)
    assert verify.verify_export(EXPORT, VKEY, forged).faults == ("a checkpoint isn't signed by the key that you gave",)


def test_checkpoints_of_two_logs_in_one_export() -> None:
    lines = write_export(LOG, [note_of(LOG, KEPT, log_origin(NAME, 2)), NOTE])
    assert verify.verify_export(lines, VKEY).faults == ("the checkpoints aren't of one log from old to new",)


def test_a_checkpoint_smaller_than_the_one_before_it() -> None:
    lines = write_export(LOG, [NOTE, KEPT_NOTE, NOTE])
    assert verify.verify_export(lines, VKEY).faults == ("the checkpoints aren't of one log from old to new",)


@pytest.mark.parametrize("after", ["checkpoint 5", "and more", "", "checkpoint 065", "checkpoint 999999999999999999"])
def test_something_after_the_last_checkpoint(after: str) -> None:
    report = verify.verify_export([*EXPORT, after + "\n"], VKEY)
    assert not report.ok


@pytest.mark.parametrize(
    "line",
    [
        "0\n",
        "0 \n",
        "0 AAAA\n",
        f"0 {b64encode(bytes(33)).decode()} AAAA\n",
        f"0 {b64encode(bytes(33)).decode()} AAAA AAAA\n",
        f"0 {b64encode(bytes(33)).decode()} - AAAA AAAA\n",
        f"0 {b64encode(bytes(33)).decode()} - A\n",
        f"0 {b64encode(bytes(33)).decode()} - \u00e9\n",
        f"0 {b64encode(bytes(33)).decode()}\r\n",
        f"0 {b64encode(bytes([2]) + bytes(32)).decode()}\n",
        f"0 {b64encode(bytes(34)).decode()}\n",
    ],
)
def test_an_entry_that_isnt_well_formed(line: str) -> None:
    assert verify.verify_export([EXPORT[0], line], VKEY).faults == ("entry 0 isn't well formed",)


@pytest.mark.parametrize("number", ["00", "+0", " 0", "1", "-1", "\u0660", ""])
def test_an_entry_under_another_number(number: str) -> None:
    lines = [EXPORT[0], EXPORT[1].replace("0 ", number + " ", 1)]
    assert verify.verify_export(lines, VKEY).faults == ("where entry 0 should stand is something else",)


@pytest.mark.parametrize("lines", [[], [""], ["schakel log export v2\n"], EXPORT[1:]])
def test_a_file_that_isnt_an_export(lines: list[str]) -> None:
    assert verify.verify_export(lines, VKEY).faults == ("this isn't a log export: the first line is another one",)


@pytest.mark.parametrize("vkey", ["", "hub.example", VKEY[:-4], VKEY.replace("hub", "hab"), "\udcff+00000000+AQ=="])
def test_a_verifier_key_that_isnt_one(vkey: str) -> None:
    assert verify.verify_export(EXPORT, vkey).faults[0] in {
        "this isn't an Ed25519 verifier key",
        "a value isn't base64",
    }


def test_many_wrong_records_are_counted_and_only_the_first_are_listed() -> None:
    changed = [one._replace(record=one.record + b"!") if one.record else one for one in LOG]
    faults = verify.verify_export(write_export(changed, [NOTE]), VKEY).faults
    assert len(faults) == 21
    assert faults[-1] == "and 242 more of this kind"


def test_no_fault_quotes_the_record() -> None:
    secret = b"999900006"
    changed = [*LOG[:3], WHOLE[3]._replace(record=secret), *LOG[4:]]
    faults = " ".join(verify.verify_export(write_export(changed, [NOTE]), VKEY).faults)
    assert faults
    assert secret.decode() not in faults
    assert b64encode(secret).decode() not in faults


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_byte_changed_anywhere_is_noticed(data: st.DataObject) -> None:
    whole = bytearray("".join(write_export(LOG[:20], [note_of(LOG[:20])])).encode())
    position = data.draw(st.integers(0, len(whole) - 1))
    whole[position] ^= 1 << data.draw(st.integers(0, 6))
    lines = whole.decode("utf-8", "replace").removesuffix("\n").split("\n")
    assert not verify.verify_export(lines, VKEY).ok


# ------------------------------------------------------------------------------------------------ proofs of one entry


def proof_of(index: int, entries: Sequence[Entry] = tuple(LOG), shown: Entry | None = None) -> str:
    path = list(merkle.inclusion_proof(tree_of(entries), [index], len(entries)))
    return proof_text(index, path, note_of(entries), shown or entries[index])


@pytest.mark.parametrize("index", [0, 3, 7, 10, 255, 256, 299])
def test_the_proof_of_an_entry_is_sound_and_shows_it(index: int) -> None:
    report = verify.verify_proof(proof_of(index), VKEY)
    assert report.faults == ()
    assert report.ok
    assert (report.index, report.leaf, report.record) == (
        index,
        WHOLE[index].leaf,
        None if index == 7 else WHOLE[index].record,
    )
    assert report.head == verify.Head(ORIGIN, ENTRIES, tree_of(LOG).root())


def test_the_only_entry_of_a_log_has_a_proof_without_a_path() -> None:
    assert verify.verify_proof(proof_of(0, LOG[:1]), VKEY).ok


def test_a_proof_for_another_entry() -> None:
    report = verify.verify_proof(proof_of(3, shown=WHOLE[4]), VKEY)
    assert report.faults == ("the path doesn't lead from the entry to the root of the checkpoint",)


def test_a_proof_with_another_record() -> None:
    report = verify.verify_proof(proof_of(3, shown=WHOLE[3]._replace(record=b"record 33")), VKEY)
    assert report.faults == ("the record isn't the one that was logged",)
    assert report.record is None


def test_a_proof_under_another_index() -> None:
    text = proof_of(3).replace("\nindex 3\n", "\nindex 2\n")
    assert verify.verify_proof(text, VKEY).faults == (
        "the path doesn't lead from the entry to the root of the checkpoint",
    )


def lines_changed(text: str, position: int, *lines: str) -> str:
    """The proof with one of its lines replaced: 0 magic, 1 extra, 2 index, from 3 the path."""
    return "\n".join([*text.split("\n")[:position], *lines, *text.split("\n")[position + 1 :]])


@pytest.mark.parametrize(
    ("position", "lines", "reason"),
    [
        (0, ["c2sp.org/tlog-proof@v2"], "isn't a tlog-proof"),
        (1, [], "isn't a tlog-proof"),
        (1, ["extra "], "entry in the proof isn't well formed"),
        (1, ["extra ?"], "isn't base64"),
        (1, ["extra AAAA"], "entry in the proof isn't well formed"),
        (1, ["extra /////w=="], "entry in the proof isn't well formed"),
        (2, ["index 03"], "canonical decimal"),
        (2, ["index -3"], "canonical decimal"),
        (2, ["index 300"], "doesn't fit the checkpoint"),
        (2, ["index"], "isn't a tlog-proof"),
        (3, [], "too short"),
        (3, ["AAAA"], "doesn't fit the checkpoint"),
        (3, [b64encode(bytes(32)).decode()], "doesn't lead"),
        (3, [b64encode(bytes(32)).decode()] * 2, "too long"),
    ],
)
def test_a_hostile_proof(position: int, lines: list[str], reason: str) -> None:
    faults = verify.verify_proof(lines_changed(proof_of(3), position, *lines), VKEY).faults
    assert len(faults) == 1
    assert reason in faults[0]


def test_a_proof_without_its_checkpoint() -> None:
    text = proof_of(3)
    for cut in (0, 10, text.index("\n\n"), text.index("\n\n") + 2, len(text) - 1):
        assert not verify.verify_proof(text[:cut], VKEY).ok


def test_a_proof_larger_than_the_limit() -> None:
    faults = verify.verify_proof(" " * (verify.LINE_LIMIT + 1), VKEY).faults
    assert faults == ("the proof is too large",)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | st.lists(st.text(max_size=30), max_size=8).map("\n".join))
def test_arbitrary_text_is_neither_a_proof_nor_an_export(text: str) -> None:
    assert not verify.verify_proof(text, VKEY).ok
    assert not verify.verify_proof(verify.PROOF_MAGIC + "\n" + text, VKEY).ok
    assert not verify.verify_export(text.split("\n"), VKEY, text).ok
    assert not verify.verify_export([EXPORT[0], *text.split("\n")], VKEY).ok


# ------------------------------------------------------------------------------------------------ the writing side


@pytest.mark.parametrize("notes", [[], [KEPT_NOTE], [NOTE, KEPT_NOTE]])
def test_an_export_that_no_checkpoint_covers_isnt_written(notes: list[str]) -> None:
    with pytest.raises(ValueError, match="exactly its entries"):
        list(write_export(LOG, notes))


# ------------------------------------------------------------------------------------------------ against the hub's own


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=5))
def test_both_find_the_same_roots(sizes: list[int]) -> None:
    leaves = [merkle.leaf_hash(b"%d" % number) for number in range(400)]
    tree = merkle.MemoryTree(leaves)
    theirs = verify.roots_at(b"".join(leaves), sizes)
    assert theirs == {0: merkle.EMPTY_ROOT} | {size: merkle.root_at(tree, size) for size in sizes}


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_both_judge_an_inclusion_proof_alike(data: st.DataObject) -> None:
    tree = tree_of(LOG)
    size = data.draw(st.integers(1, ENTRIES))
    proof = list(merkle.inclusion_proof(tree, [data.draw(st.integers(0, size - 1))], size))
    proof = proof[: data.draw(st.integers(0, len(proof)))] + [bytes(32)] * data.draw(st.integers(0, 2))
    index, leaf = data.draw(st.integers(0, size)), merkle.leaf_hash(b"x")
    try:
        ours: bytes | None = merkle.root_from_inclusion({index: leaf}, size, proof)
    except ValueError:
        ours = None
    try:
        theirs: bytes | None = verify.root_from_inclusion(index, size, leaf, proof)
    except verify.Unsound:
        theirs = None
    assert ours == theirs


def judged(note: str) -> tuple[tuple[str, int, bytes] | None, tuple[str, int, bytes] | None]:
    """What the hub's reader and the outsider's make of a note."""
    try:
        ours = open_note(note, NAME, PUBLIC)
    except NoteError:
        ours = None
    try:
        theirs = verify.open_note(note, NAME, PUBLIC)
    except verify.Unsound:
        theirs = None
    return (
        (ours.origin, ours.size, ours.root) if ours else None,
        (theirs.origin, theirs.size, theirs.root) if theirs else None,
    )


def test_both_open_and_refuse_the_same_note_files() -> None:
    listed = json.loads((NOTE_FILES / "notes.json").read_text(encoding="utf-8"))
    opened = set()
    for path in NOTE_FILES.glob("*.note"):
        ours, theirs = judged(path.read_bytes().decode("utf-8", "surrogateescape"))
        assert ours == theirs
        if ours:
            opened.add(path.stem)
    assert opened == set(listed["valid"])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_both_judge_a_signed_text_alike(data: st.DataObject) -> None:
    origin = data.draw(st.sampled_from([ORIGIN, NAME, "", "hub.example/log/x", "other.example"]))
    size = data.draw(st.sampled_from(["0", "1", "01", "9" * 19, "9" * 20, "", "x"]))
    root = b64encode(data.draw(st.binary(min_size=30, max_size=33))).decode()
    text = "\n".join([origin, size, root, *data.draw(st.lists(st.sampled_from(["", "more"]), max_size=2))]) + "\n"
    template = sign(Checkpoint(ORIGIN, 1, bytes(32)), NAME, SEED)
    identifier = VKEY.split("+")[1]
    blob = bytes.fromhex(identifier) + SigningKey(SEED).sign(text.encode()).signature
    line = template.splitlines()[-1].rpartition(" ")[0]
    ours, theirs = judged(f"{text}\n{line} {b64encode(blob).decode()}\n")
    assert ours == theirs


@pytest.mark.parametrize("vkey", [VKEY, VKEY[:-1], VKEY.upper(), VKEY.replace("hub", "h b"), "a+b+c", ""])
def test_both_judge_a_verifier_key_alike(vkey: str) -> None:
    try:
        ours: tuple[str, bytes] | None = parse_verifier_key(vkey)
    except NoteError:
        ours = None
    try:
        theirs: tuple[str, bytes] | None = verify.parse_verifier_key(vkey)
    except verify.Unsound:
        theirs = None
    assert ours == theirs


# ------------------------------------------------------------------------------------------------ standing alone


def test_it_imports_nothing_of_the_project() -> None:
    allowed = {*sys.stdlib_module_names, "nacl", "cryptography"}
    for node in ast.walk(ast.parse(Path(verify.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= allowed
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            assert (node.module or "").split(".")[0] in allowed


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a copy of the file, outside the project, in isolated mode."""
    script = shutil.copy(verify.__file__, folder / "verify.py")
    command = [sys.executable, "-I", str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, timeout=60)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    (tmp_path / "log.export").write_text("".join(EXPORT), encoding="utf-8", newline="\n")
    (tmp_path / "kept.note").write_text(KEPT_NOTE, encoding="utf-8", newline="\n")
    (tmp_path / "entry.tlog-proof").write_text(proof_of(3), encoding="utf-8", newline="\n")
    return tmp_path


def test_a_copy_of_the_file_alone_finds_an_export_sound(outside: Path) -> None:
    done = run(outside, "log.export", VKEY, "--previous", "kept.note")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Log hub.example/log/1, newest checkpoint of 300 entries." in done.stdout
    assert done.stdout.endswith("SOUND: everything holds.\n")


def test_the_command_finds_the_proof_sound(outside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main([str(outside / "entry.tlog-proof"), VKEY]) == 0
    assert f"Its record is shown, {len(WHOLE[3].record)} bytes.\nSOUND" in capsys.readouterr().out


def test_a_copy_of_the_file_alone_finds_a_proof_sound(outside: Path) -> None:
    done = run(outside, "entry.tlog-proof", VKEY)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Entry 3 of log hub.example/log/1, in its first 300 entries." in done.stdout


@pytest.mark.parametrize("file", ["log.export", "entry.tlog-proof"])
def test_without_nacl_the_other_library_finds_the_same(file: str, outside: Path) -> None:
    script = shutil.copy(verify.__file__, outside / "verify.py")
    blocked = "import sys, runpy; sys.modules['nacl'] = None; sys.argv = sys.argv[1:]; "
    code = blocked + "runpy.run_path(sys.argv[0], run_name='__main__')"
    for vkey, expected in ((VKEY, 0), (verifier_key(NAME, bytes(SigningKey(FORGER).verify_key)), 1)):
        command = [sys.executable, "-I", "-c", code, str(script), str(outside / file), vkey]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (expected, "")
    forged = (outside / file).read_text(encoding="utf-8").replace("\n300\n", "\n301\n")
    (outside / file).write_text(forged, encoding="utf-8", newline="\n")
    command = [sys.executable, "-I", "-c", code, str(script), str(outside / file), VKEY]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, "")
    assert "isn't signed by the key that you gave" in done.stdout


def test_what_isnt_sound_gives_exit_code_one(outside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (outside / "log.export").write_text("".join(EXPORT[:100]), encoding="utf-8", newline="\n")
    assert verify.main([str(outside / "log.export"), VKEY]) == 1
    assert "NOT SOUND: the export ends without a checkpoint." in capsys.readouterr().out


def test_a_proof_that_isnt_sound_gives_exit_code_one(outside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (outside / "entry.tlog-proof").write_text(
        proof_of(7, shown=WHOLE[13]._replace(record=b"forged")), encoding="utf-8", newline="\n"
    )
    assert verify.main([str(outside / "entry.tlog-proof"), VKEY]) == 1
    assert "Its record is not shown.\nNOT SOUND: the path doesn't lead" in capsys.readouterr().out


def test_a_proof_without_its_key_gives_exit_code_one(outside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main([str(outside / "entry.tlog-proof"), "no+verifier+key"]) == 1
    assert capsys.readouterr().out == "NOT SOUND: a value isn't base64.\n"


def test_the_command_finds_the_export_sound(outside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main([str(outside / "log.export"), VKEY, "--previous", str(outside / "kept.note")]) == 0
    assert "232 records and 30 public contents that match, 38 erased" in capsys.readouterr().out


def test_a_file_that_cannot_be_read_gives_a_sentence(outside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main([str(outside / "absent"), VKEY]) == 1
    assert verify.main([str(outside / "log.export"), VKEY, "--previous", str(outside / "absent")]) == 1
    assert capsys.readouterr().out == "The file could not be read: No such file or directory.\n" * 2


@pytest.mark.parametrize("start", ["", "".join(EXPORT[:200])])
def test_a_file_in_another_encoding_gives_a_sentence(
    start: str, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (outside / "log.export").write_bytes(start.encode() + b"\xff\xfe" * 10_000)
    assert verify.main([str(outside / "log.export"), VKEY]) == 1
    assert "NOT SOUND: the file isn't UTF-8 text." in capsys.readouterr().out


def test_a_line_without_end_isnt_read_to_its_end(outside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (outside / "log.export").write_text(EXPORT[0] + "0" * (verify.LINE_LIMIT + 5), encoding="utf-8")
    assert verify.main([str(outside / "log.export"), VKEY]) == 1
    assert "a line of the export is too long" in capsys.readouterr().out
