# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The whole of an XML message by the rules of its standard, also what its reader steps over, as data.

- A shape names what may stand in an element and how often, in the words of a DTD: `a b? (c | d)* e+`. A name is followed by
  what stands in it, `b?:day`: the form of a text, or a shape of its own.
- What a strict reader of the standard would refuse anywhere is refused here, with its place and a keyword. So whoever sent
  it hears of it, and nobody is told of a message that its own standard calls none.
- Text that a reader steps over is held against its form and then let go: it never becomes part of anything.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, TypeAlias

from lxml import etree

from adapters.formats.native import Keyword
from adapters.formats.xml_strict import SPACE, Child, Node, Walk

_TOKEN: Final = re.compile(
    r"(?P<name>[A-Za-z_][\w.\-]*)(?P<times>[?*+]?)(?::(?P<inside>\w+))?|(?P<sign>\(|\||\)[?*+]?)|\s+"
)
_NAME: Final = re.compile(r"(?:^|(?<=[\s(]))[A-Za-z_][\w.\-]*")
_EITHER: Final = re.compile(r"\(([^()]*\|[^()]*)\)([?*+]?)")
_SIGNS: Final = 0xE000  # each name is one sign of the private use area, so that a sequence of children is a string


@dataclass(frozen=True, slots=True)
class Text:
    """The form of a text. `trimmed`: white space around it does not count. `attributes`: what may stand beside it, if it says
    something."""

    is_of: Callable[[str], object]
    trimmed: bool = False
    keyword: Keyword = Keyword.PATTERN
    attributes: frozenset[str] = frozenset()

    def fits(self, element: etree._Element) -> bool:
        """Whether this is right, without a word about what is not; in doubt it is not."""
        text = element.text or ""
        return not len(element) and not element.attrib and bool(self.is_of(text.strip(SPACE) if self.trimmed else text))


@dataclass(frozen=True, slots=True)
class Shape:
    """What stands in an element, in order. `children`: the same place by place, for a reader that looks at each.

    `space`: the namespace of all of them but those that have one of their own.
    """

    space: str
    children: tuple[Child, ...]
    inside: Mapping[str, "Inside"] = field(repr=False)
    # Groups of which one alternative may be there, each by the names in it; and whether one must be.
    either: tuple[tuple[tuple[frozenset[str], ...], bool], ...] = field(repr=False)
    # By the name of the element as the parser gives it: its sign, its place, and what stands in it.
    _tags: "Mapping[str, tuple[str, Child, Inside]]" = field(repr=False)
    _order: re.Pattern[str] = field(repr=False)

    def child(self, tag: str) -> Child | None:
        """The place of this element; None where it has none here."""
        found = self._tags.get(tag)
        return None if found is None else found[1]

    def takes(self, tags: Sequence[str]) -> bool:
        """Whether they have a place here, and stand in an order and a number that the standard knows."""
        try:
            return self._order.fullmatch("".join([self._tags[tag][0] for tag in tags])) is not None
        except KeyError:
            return False

    def fits(self, element: etree._Element) -> bool:
        """Whether this is right all the way down, without a word about what is not; in doubt it is not."""
        if element.attrib or (element.text and element.text.strip(SPACE)):
            return False
        tags = [str(child.tag) for child in element]
        if not self.takes(tags):
            return False
        for child, tag in zip(element, tags, strict=True):
            inside = self._tags[tag][2]
            tail = child.tail
            if (tail and tail.strip(SPACE)) or not inside.fits(child):
                return False
        return True


Inside: TypeAlias = Text | Shape
Forms: TypeAlias = Callable[[str], Inside]


def pattern(text: str, *, trimmed: bool = False, keyword: Keyword = Keyword.PATTERN) -> Text:
    """A text that is of this pattern."""
    return Text(re.compile(text, re.DOTALL).fullmatch, trimmed, keyword)


def is_day(text: str) -> bool:
    """Whether this is a day of the calendar as XML writes it, with a time zone or without."""
    found = _DAY.fullmatch(text)
    if found is None:
        return False
    try:
        date.fromisoformat(found["day"])
    except ValueError:
        return False
    return True


def day_in(text: str) -> str:
    """The day without its time zone, which many systems write behind it: a day is that day wherever it is written."""
    found = _DAY.fullmatch(text)
    return text if found is None else found["day"]


_DAY: Final = re.compile(r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))?")
DAY: Final = Text(is_day, trimmed=True, keyword=Keyword.DATE)
FLAG: Final = pattern(r"true|false|1|0", trimmed=True, keyword=Keyword.TYPE)
WHOLE: Final = pattern(r"[+-]?[0-9]+", trimmed=True, keyword=Keyword.TYPE)
DECIMAL: Final = pattern(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", trimmed=True, keyword=Keyword.TYPE)


def shape(
    text: str,
    forms: Forms,
    inside: Mapping[str, Inside] | None = None,
    space: str = "",
    spaces: Mapping[str, str] | None = None,
) -> Shape:
    """The shape that this says.

    `forms`: what a word behind a colon means, or none; `inside`: shapes that such a word may name; `spaces`: the namespace of names
    that have one of their own.
    """
    known, own = inside or {}, spaces or {}
    children: list[Child] = []
    found: dict[str, Inside] = {}
    order, position = "", 0
    optional, many = _groups(text)
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise ValueError("a shape is made of names, groups and how often they stand there")
        name, sign, times, here = token["name"], token["sign"], token["times"], position
        position = token.end()
        if sign is not None:
            order += "(?:" if sign == "(" else sign
        if name is None:
            continue
        word = token["inside"] or ""
        if name not in found:  # it may stand in two alternatives of a group
            required = times in ("", "+") and not optional[here]
            children.append(Child(name, required, times in ("*", "+") or many[here], own.get(name)))
        found[name] = known[word] if word in known else forms(word)
        order += chr(_SIGNS + list(found).index(name)) + times
    tags = {child.tag(space): (chr(_SIGNS + number), child, found[child.name]) for number, child in enumerate(children)}
    either = tuple(
        (tuple(frozenset(_NAME.findall(one)) for one in group[1].split("|")), group[2] in ("", "+"))
        for group in _EITHER.finditer(text)
    )
    return Shape(space, tuple(children), found, either, tags, re.compile(order))


def _groups(text: str) -> tuple[list[bool], list[bool]]:
    """Of each place in the text: whether what stands there can be left out by its group, and can come again by it."""
    optional, many = [False] * len(text), [False] * len(text)
    opened: list[int] = []
    for place, sign in enumerate(text):
        if sign == "(":
            opened.append(place)
        if sign == ")":
            begin, times = opened.pop(), text[place + 1 : place + 2]
            for each in range(begin, place):
                optional[each] |= "|" in text[begin:place] or times in ("?", "*")
                many[each] |= times in ("*", "+")
    return optional, many


def hold_to(of: Shape, root: Node, read: Walk) -> None:
    """Note what a strict reader of the standard would refuse, but for the places where `read` found something itself."""
    if of.fits(root.element):
        return
    walk = Walk()
    _look(walk, root, of)
    known = {fault.path for fault in read.faults}
    for fault in walk.faults:
        if fault.path not in known:
            read.fault(fault.path, Keyword(fault.keyword))


def _look(walk: Walk, node: Node, of: Inside) -> None:
    if isinstance(of, Text):
        text = walk.text(node, of.attributes)
        if not of.is_of(text.strip(SPACE) if of.trimmed else text):
            walk.fault(node.path, of.keyword)
        if any(node.element.get(name) == "" for name in of.attributes):
            walk.fault(f"{node.path}/@*", Keyword.PATTERN)
    else:
        _places(walk, node, of)


def _places(walk: Walk, node: Node, of: Shape) -> None:
    tags = [str(element.tag) for element in node.element]
    found = [of.child(tag) for tag in tags]
    inside: list[tuple[Child, Node]] = []
    counts: dict[str, int] = {}
    for element, child in zip(node.element, found, strict=True):
        if child is not None:
            count = counts[child.name] = counts.get(child.name, 0) + 1
            path = f"{node.path}/{child.name}[{count}]" if child.many else f"{node.path}/{child.name}"
            inside.append((child, Node(element, path)))
    if None not in found and of.takes(tags):
        walk.bare(node)
    else:
        _say_why(walk, node, of, inside)
    for child, at in inside:
        _look(walk, at, of.inside[child.name])


def _say_why(walk: Walk, node: Node, of: Shape, inside: Sequence[tuple[Child, Node]]) -> None:
    """Note what is wrong with these children: by each of them, and where each is right, by what they are together."""
    before = len(walk.faults)
    for alternatives, needed in of.either:
        there = [(child.name, at) for child, at in inside if any(child.name in one for one in alternatives)]
        if not there and needed:
            walk.fault(f"{node.path}/{min(alternatives[0])}", Keyword.MISSING)
        chosen = next((one for one in alternatives if there and there[0][0] in one), frozenset[str]())
        for name, at in there:
            if name not in chosen:
                walk.fault(at.path, Keyword.UNEXPECTED)
    if len(walk.faults) == before or len(inside) < len(node.element):
        walk.children(node, of.space, of.children)
    if len(walk.faults) == before:
        walk.fault(node.path, Keyword.ORDER)
