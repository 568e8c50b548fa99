# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What an edge knows of one message: what happened on which day, where it is now, why, and what to do.  In Dutch.

* What was sent is found by its number in the outbox, and by the id of any envelope it went in; what came, by its id.
* Reading changes nothing.  A client is named by the partner's own number, never by BSN.
"""

from __future__ import annotations

from collections.abc import Iterator

from adapters.desk import KINDS
from adapters.edge import Edge
from adapters.records_incoming import ANSWERS, Answer
from adapters.records_outgoing import CLIENTS, DONE, FINAL, GRANTS, ITEMS, NOT_SHARED, RETRACTED, SENDS, SENT, Item
from adapters.shelf import number_key
from deploy.trace import Step, Trace
from schemas.calendar import date_text, day_of
from schemas.codes import Code

_RECEIPTS = {
    Code.STORED: "bewaard",
    Code.INTRODUCED: "kennisgemaakt",
    Code.SEEN_ALREADY: "was er al",
    Code.SEEN_ALREADY_RETRACTED: "was er al, en is ingetrokken",
    Code.UNKNOWN_HANDLE: "de kennismaking ontbreekt; de zender maakt opnieuw kennis",
    Code.INVALID_PART: "voldoet niet aan de afgesproken vorm",
    Code.UNREADABLE: "kon niet worden geopend; de zender verzegelt opnieuw",
    Code.NOT_PERMITTED: "mag volgens de eigen regels niet worden ontvangen; ongelezen vernietigd",
}
_TO_SETTLE = "Bekijk het met `schakel edge outbox`, en handel het daar af: `schakel edge settle {number}`."
_ENDS = {
    NOT_SHARED: ("Het is niet verteld.", "De lijn werd gestopt voordat dit weg was."),
    RETRACTED: ("Het is ingetrokken.", "Het werd teruggenomen."),
    Code.NOT_ACTIVE.value: ("Het is niet aangekomen.", "De lijn was gestopt."),
}


def trace_edge(edge: Edge, message_id: bytes) -> Trace | None:
    """What is known of the message with this id, sent or received; None when nothing is."""
    sent = SENDS.get(edge.store, message_id)
    if sent is not None:
        return trace_number(edge, sent.item, message_id)
    answer = ANSWERS.get(edge.store, message_id)
    return None if answer is None else _came(answer)


def trace_number(edge: Edge, number: int, message_id: bytes | None = None) -> Trace | None:
    """What is known of this number of the outbox."""
    item = ITEMS.get(edge.store, number_key(number))
    if item is None:
        return None
    shown = message_id or item.message_id
    where, why, remedy = _now(edge, item)
    return Trace("" if shown is None else shown.hex(), tuple(_steps(edge, item, shown)), where, why, remedy)


def _steps(edge: Edge, item: Item, shown: bytes | None) -> Iterator[Step]:
    grant = GRANTS.need(edge.store, item.grant.encode())
    client = CLIENTS.need(edge.store, item.client.encode()).number
    name = edge.identity.book.name_of(grant.recipient)
    kind = KINDS[item.kind].capitalize()
    yield _step(item.made_at, f"{kind} over cliënt {client} voor {name} klaargezet als nummer {item.number}.")
    if item.release_at > item.made_at:
        yield _step(item.release_at, "Mag vanaf deze dag weg: wat bij elkaar hoort gaat niet tegelijk.")
    if item.taken_at is not None:
        tries = f" Eerder {item.tries} keer mislukt." if item.tries else ""
        yield _step(item.taken_at, f"De hub heeft het ontvangen.{tries}")
    if shown is not None and shown != item.message_id:
        yield _step(item.taken_at or item.made_at, "Deze verzending is later door een nieuwe vervangen.")
    if item.done_on is not None:
        yield Step(date_text(item.done_on), f"Ontvangstbewijs van {name}: het is daar bewaard.")


def _now(edge: Edge, item: Item) -> tuple[str, str, str]:
    """Where, why, and what to do."""
    waits = next((line for line in edge.outbox() if line.number == item.number), None)
    if waits is None:
        return _ended(item)
    why = waits.why[:1].upper() + waits.why[1:] + "."
    if item.asks:
        return "Het staat in de outbox en vraagt een besluit.", why, _TO_SETTLE.format(number=item.number)
    if item.state == SENT:
        where = "Het is onderweg." if item.undecided else f"Het staat bij de hub, voor {waits.recipient}."
        return where, why, f"Niets. Duurt het langer dan een dag: vraag {waits.recipient} of hun edge werkt."
    return "Het staat in de outbox.", why, "Niets. Blijft het staan: `schakel edge doctor` zegt of er iets mankeert."


def _ended(item: Item) -> tuple[str, str, str]:
    if item.final == DONE and item.dead:
        return "Het is aangekomen en daarna ingetrokken.", "Het werd teruggenomen.", "Niets."
    if item.final == DONE:
        return "Het is bij de ontvanger.", "De ontvanger heeft de ontvangst ondertekend.", "Niets."
    ended = (f"Het is geëindigd ({item.final}).", "Dit is hier afgehandeld.") if item.state == FINAL else None
    where, why = _ENDS.get(item.final or "", ended or ("Het staat in de outbox.", "Het werd teruggenomen."))
    return where, why, "Niets."


def _came(answer: Answer) -> Trace:
    meaning = _RECEIPTS[Code(answer.code)]
    steps = (
        _step(answer.at, "Binnengekomen van een partner."),
        _step(answer.at, f"Ontvangstbewijs gemaakt: {meaning} ({answer.code})."),
    )
    good = answer.code in (Code.STORED, Code.INTRODUCED, Code.SEEN_ALREADY)
    where = "Het is hier binnen." if good else "Het is hier niet bewaard."
    why = meaning[:1].upper() + meaning[1:] + "."
    if answer.sent:
        return Trace(answer.message_id.hex(), steps, where, f"{why} De hub heeft het ontvangstbewijs.", "Niets.")
    remedy = "Niets: het gaat bij de volgende ronde weg. Blijft dit zo: `schakel edge doctor`."
    return Trace(answer.message_id.hex(), steps, where, f"{why} Het ontvangstbewijs moet nog naar de hub.", remedy)


def _step(at: int, what: str) -> Step:
    return Step(date_text(day_of(at)), what)
