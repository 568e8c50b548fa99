# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Messages of the iStandaarden 3.2 (iWmo, iJw) as events; bare, or in an envelope of the GGk.

- One event per product or request. A message is taken whole or refused whole, with every fault that was found.
- Name, date of birth, address, relations, product codes and free text stay behind: no object here ever holds them.
- A request (315, 317) has its own reference of the provider, and the answer (319) has nothing else: it names no
  citizen. The edge that read the request knows whom the answer is about.
- A return says whether a message was in order: it is checked, and gives no event.
- The checks below hold with and without the official XSDs; a configured folder of XSDs adds what they say of the rest.

Return code 0001 (refused for technical reasons) goes with the rules that the standard checks by program: CD041, CD043,
CD075 to CD080, CD085, CD086, CD095, CD096, CS002, CS003, CS058, CS335, CS336, CS338, CS343, TR018, TR101, TR352, TR353, TR377,
TR383 and TR409. TR074, TR413 and TR415 are checked within the message. Not checked: what needs history, today's date or a list
that changes (TR019, TR056, TR063, TR069, TR071, TR135, TR347, TR355, TR359, TR360, TR365, TR378, TR414), since `read` remembers
nothing and has no clock; and what is about the person, relations, addresses and referrer alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lxml import etree

from adapters.formats import ggk
from adapters.formats.explain import Explained, Ground, by_name, explained, xml_paths
from adapters.formats.istandaard_fields import CONTAINERS, FIELDS
from adapters.formats.istandaard_message import Reading
from adapters.formats.istandaard_models import Standard
from adapters.formats.native import SIZE_LIMIT, Fault, Keyword, Malformed, NativeEvent
from adapters.formats.xml_strict import Node, parse, root_tag, schema_faults

_XS_ELEMENT = "{http://www.w3.org/2001/XMLSchema}element"


class IStandaardReader:
    """Reads one message of one standard; validates against the official XSDs too when their folder is configured."""

    name: str

    def __init__(self, standard: Standard, xsd_dir: Path | None) -> None:
        self._standard = standard
        self._messages = standard.by_tag()
        self._schemas: dict[str, etree.XMLSchema] = {}
        self._names: Mapping[str, bool] = {}
        if xsd_dir is not None:
            files = {tag: xsd_dir / standard.xsd(message) for tag, message in self._messages.items()}
            self._schemas = {tag: _compile(file) for tag, file in files.items()}
            self._names = _names_in([*files.values(), xsd_dir / "basisschema.xsd"])

    def read(self, data: bytes) -> list[NativeEvent]:
        """Return the events, what is called back first; raises `Malformed`."""
        root = unwrapped(data)
        message = self._messages.get(str(root.tag))
        if message is None:
            raise Malformed((Fault("/Bericht", Keyword.VOCABULARY),))
        reading = Reading(self._standard, message)
        events = reading.events(Node(root, "/Bericht"))
        faults = reading.walk.faults
        if self._schemas:
            places = {fault.path for fault in faults}
            judged = schema_faults(self._schemas[str(root.tag)], root, self._names)
            faults += tuple(fault for fault in judged if fault.path not in places)
        if faults:
            raise Malformed(faults)
        # OP080: the order within a message means nothing; a removal is about what was delivered before.
        return sorted(events, key=lambda event: not event.retracts)


def unwrapped(data: bytes) -> etree._Element:
    """Return the root of the message, taken out of its envelope where it has one; raises `Malformed`."""
    root = parse(data, SIZE_LIMIT)
    ggk.refuse_signal(str(root.tag))
    if not ggk.is_envelope(str(root.tag)):
        return root
    inner = ggk.parsed(ggk.message_in(root), SIZE_LIMIT)
    ggk.refuse_nested(inner)
    return inner


def recognises(standard: Standard, data: bytes) -> bool:
    """Whether this is a message of this standard, of whatever version, damaged or not; never by the name of a file.

    An envelope from which no message can be taken is nobody's, and so is what StUF itself sends back: raises `Malformed`.
    """
    tag = root_tag(data)
    ggk.refuse_signal(tag or "")
    if tag is not None and ggk.is_envelope(tag):
        tag = root_tag(ggk.message_in(parse(data, SIZE_LIMIT)))
    return tag is not None and tag.startswith(f"{{{standard.family}")


def explain(standard: Standard, data: bytes) -> list[Explained]:
    """Return what becomes of each field of this message; raises `Malformed`."""
    root = unwrapped(data)
    message = standard.by_tag().get(str(root.tag))
    if message is None:
        raise Malformed((Fault("/Bericht", Keyword.VOCABULARY),))
    wrapped = ggk.is_envelope(root_tag(data) or "")
    envelope = [Explained("/Envelop", 1, dropped=Ground.TECHNICAL)] if wrapped else []
    return envelope + explained(xml_paths(root), by_name(FIELDS[message.shape], CONTAINERS))


def _compile(file: Path) -> etree.XMLSchema:
    try:
        return etree.XMLSchema(file=str(file))
    except etree.XMLSchemaParseError as error:
        raise ValueError(f"{file.name} is missing or is not a schema") from error


def _names_in(files: Sequence[Path]) -> dict[str, bool]:
    """Every element name of the standard, and whether it may repeat."""
    names: dict[str, bool] = {}
    for file in files:
        for element in etree.parse(str(file)).iter(_XS_ELEMENT):
            name = element.get("name")
            if name is not None:
                names[name] = names.get(name, False) or element.get("maxOccurs", "1") != "1"
    return names
