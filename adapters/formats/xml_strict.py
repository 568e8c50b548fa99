# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""XML from a stranger, read without trust.

- UTF-8 only; no DOCTYPE, so no entities and no bombs; no network; size and depth are limited.
- A sequence of elements is checked for namespace, order and number; what is not in the standard is refused.
- A path is built from names of the standard alone: a prefix or an unknown name is the sender's text and may name a person.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Protocol, cast

from lxml import etree

from adapters.formats.native import Fault, Keyword, Malformed

SPACE = " \t\r\n"
_DECLARED = re.compile(rb"""\A<\?xml[^>]*?\sencoding\s*=\s*["']([^"'>]*)["']""")
_BOM = b"\xef\xbb\xbf"
# The fourth and the fifth edition of XML differ over such names, and two parsers over what the document then is.
_FOREIGN_INSTRUCTION = re.compile(rb"<\?[^!-~]")
_DEPTH_LIMIT = 16
_HEAD = 16_384  # bytes in which the root element of a message begins
_FAULT_LIMIT = 100
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
_HINTS = frozenset({_XSI + "schemaLocation", _XSI + "noNamespaceSchemaLocation"})


@dataclass(frozen=True, slots=True)
class Child:
    """One place in a sequence: minOccurs and maxOccurs of the XSD."""

    name: str
    required: bool = True
    many: bool = False
    # Another one than its parent's model has; empty: none.
    namespace: str | None = None

    def tag(self, namespace: str) -> str:
        """The name as the parser gives it, in a model of this namespace."""
        own = namespace if self.namespace is None else self.namespace
        return f"{{{own}}}{self.name}" if own else self.name


@dataclass(frozen=True, slots=True)
class Node:
    """An element and where it stands."""

    element: etree._Element = field(repr=False)
    path: str


def parse(data: bytes, size_limit: int, depth_limit: int = _DEPTH_LIMIT) -> etree._Element:
    """Return the root element; raises `Malformed` for anything that is not plain, small, well-formed UTF-8 XML."""
    if len(data) > size_limit:
        raise Malformed((Fault("/", Keyword.TOO_LARGE),))
    text = data.removeprefix(_BOM)
    declared = _DECLARED.match(text)
    # All published XSDs and examples are UTF-8. A second encoding would let the check below and the parser see
    # different characters, so the label must agree and the bytes must too.
    if declared is not None and declared[1].upper() != b"UTF-8" or not _is_utf8(text):
        raise Malformed((Fault("/", Keyword.ENCODING),))
    # Outright: no message of this sector has a DOCTYPE, and without one there are no entities to expand or fetch.
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise Malformed((Fault("/", Keyword.DOCTYPE),))
    # The parser would take a second mark at the beginning for the first one.
    if text.startswith(_BOM) or _FOREIGN_INSTRUCTION.search(text) is not None:
        raise Malformed((Fault("line 1", Keyword.NOT_WELL_FORMED),))
    try:
        root = etree.fromstring(text, _parser())
    except etree.XMLSyntaxError as error:
        # `from None`: the message of the parser quotes the document.
        raise Malformed((Fault(f"line {error.lineno or 1}", Keyword.NOT_WELL_FORMED),)) from None
    if _too_deep(depth_limit)(root.getroottree()):
        raise Malformed((Fault("/", Keyword.TOO_DEEP),))
    return root


@cache
def _too_deep(limit: int) -> etree.XPath:
    return etree.XPath("boolean(" + "/*" * (limit + 1) + ")")


def root_tag(data: bytes) -> str | None:
    """Return the name of the root element, also of a damaged document; None where no element begins near the start."""
    events = etree.XMLPullParser(events=("start",), resolve_entities=False, no_network=True, load_dtd=False)
    with suppress(etree.XMLSyntaxError):  # what came before the damage says enough
        events.feed(data.removeprefix(_BOM)[:_HEAD])
    first = next(iter(events.read_events()), None)
    return None if first is None else str(cast("etree._Element", first[1]).tag)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in data


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        # Without these a comment inside a value would cut the value in two.
        remove_comments=True,
        remove_pis=True,
    )


class Walk:
    """One pass over one message that gathers every fault instead of stopping at the first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def fault(self, path: str, keyword: Keyword, code: str | None = None) -> None:
        """Note a fault; beyond a hundred they say nothing new."""
        if len(self._faults) < _FAULT_LIMIT:
            self._faults.append(Fault(path, keyword, code))

    @property
    def faults(self) -> tuple[Fault, ...]:
        return tuple(self._faults)

    def finish(self) -> None:
        """Raise what was found."""
        if self._faults:
            raise Malformed(self.faults)

    def children(self, parent: Node, namespace: str, model: Sequence[Child]) -> dict[str, list[Node]]:
        """Give the children by name; notes each that is missing, unknown, repeated or out of order."""
        self.bare(parent)
        found: dict[str, list[Node]] = {child.name: [] for child in model}
        own = f"{{{namespace}}}" if namespace else ""
        tags = {
            own + child.name if child.namespace is None else child.tag(namespace): place
            for place, child in enumerate(model)
        }
        place = 0
        for element in parent.element:
            here = tags.get(str(element.tag))
            if here is None:
                self.fault(f"{parent.path}/*", Keyword.UNEXPECTED)
                continue
            child = model[here]
            count = len(found[child.name]) + 1
            node = Node(element, f"{parent.path}/{child.name}" + (f"[{count}]" if child.many else ""))
            if here < place:
                self.fault(node.path, Keyword.ORDER)
            elif count > 1 and not child.many:
                self.fault(node.path, Keyword.REPEATED)
            place = max(place, here)
            found[child.name].append(node)
        for child in model:
            if child.required and not found[child.name]:
                self.fault(f"{parent.path}/{child.name}", Keyword.MISSING)
        return found

    def text(self, node: Node, attributes: frozenset[str] = frozenset()) -> str:
        """Give the text of an element that has no children, and no attributes but these."""
        if len(node.element):
            self.fault(f"{node.path}/*", Keyword.UNEXPECTED)
        self._no_attributes(node, attributes)
        return node.element.text or ""

    def bare(self, node: Node) -> None:
        """An element with children holds no text of its own and no attributes, so nothing can hide between them."""
        self._no_attributes(node)
        element = node.element
        for text in (element.text, *[child.tail for child in element]):
            if text and text.strip(SPACE):
                self.fault(node.path, Keyword.UNEXPECTED)
                break

    def _no_attributes(self, node: Node, but: frozenset[str] = frozenset()) -> None:
        if node.element.attrib and not (_HINTS | but).issuperset(map(str, node.element.attrib)):
            self.fault(f"{node.path}/@*", Keyword.UNEXPECTED)


# What libxml2 calls it -> what we call it; all else is `schema`.
_SCHEMA_KEYWORDS: Mapping[str, Keyword] = {
    "SCHEMAV_CVC_PATTERN_VALID": Keyword.PATTERN,
    "SCHEMAV_CVC_MAXLENGTH_VALID": Keyword.PATTERN,
    "SCHEMAV_CVC_MINLENGTH_VALID": Keyword.PATTERN,
    "SCHEMAV_CVC_MININCLUSIVE_VALID": Keyword.PATTERN,
    "SCHEMAV_CVC_MAXINCLUSIVE_VALID": Keyword.PATTERN,
    "SCHEMAV_CVC_ENUMERATION_VALID": Keyword.CODE_LIST,
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_1": Keyword.TYPE,
    "SCHEMAV_ELEMENT_CONTENT": Keyword.ORDER,
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": Keyword.UNEXPECTED,
}


class _Finding(Protocol):
    path: str | None
    type_name: str


def schema_faults(schema: etree.XMLSchema, root: etree._Element, names: Mapping[str, bool]) -> tuple[Fault, ...]:
    """Validate against an official XSD; of libxml2's findings only the place and the kind are kept.

    `names`: every element name of the standard, and whether it may repeat; no other name may stand in a path.
    """
    if schema.validate(root):
        return ()
    spaces: dict[str, str] = {}
    for element in root.iter():
        spaces.update({prefix: uri for prefix, uri in element.nsmap.items() if prefix})
    found: dict[str, Fault] = {}
    # The stubs of lxml know nothing of what an error log holds.
    for entry in islice(cast("Iterable[_Finding]", schema.error_log), _FAULT_LIMIT):
        path = _standard_path(root, entry.path, spaces, names)
        found.setdefault(path, Fault(path, _SCHEMA_KEYWORDS.get(entry.type_name, Keyword.SCHEMA)))
    return tuple(found.values())


def _standard_path(root: etree._Element, path: str | None, spaces: Mapping[str, str], names: Mapping[str, bool]) -> str:
    """The same place in names of the standard; libxml2's own path has the prefixes and names of the sender."""
    try:
        found = root.xpath(path or "/*", namespaces=dict(spaces))
    except etree.XPathError:
        return "/"
    if not isinstance(found, list) or not found or not isinstance(found[0], etree._Element):
        return "/"
    element = found[0]
    line = [element, *element.iterancestors()]
    return "/" + "/".join(_step(each, names) for each in reversed(line))


def _step(element: etree._Element, names: Mapping[str, bool]) -> str:
    name = etree.QName(element).localname
    if name not in names:
        return "*"
    return (
        f"{name}[{1 + sum(1 for _ in element.itersiblings(str(element.tag), preceding=True))}]" if names[name] else name
    )
