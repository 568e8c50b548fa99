# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""One citizen about whom team Wmo, a provider and a GP practice told each other, and what the rights need of an edge."""

from __future__ import annotations

from pathlib import Path

import orjson

from adapters import peers
from adapters.agreement import Conversation
from adapters.clients import ClientRow
from adapters.edge import Edge
from adapters.erasure import Outcome, erase
from adapters.intake import Intake
from adapters.looks import Viewer
from adapters.records_outgoing import Client
from adapters.records_people import Limited
from adapters.rectify import Correction, Rectified, rectify
from adapters.rights import Report, report
from adapters.rights_limits import CLIENT, Scope, limit
from consent.rules import RuleTable, load
from deploy.commands.rights import report_data
from deploy.paper import to_html, to_text
from deploy.rights_texts import report_paper
from schemas.event import Kind
from tests.adapters.edges import BSN, GP, PROVIDER, TEAM, Neighbours, allocation, start, status

JANSEN = Viewer("J. Jansen", "account-1")


def neighbours(folder: Path, *, told: bool = True, table: RuleTable | None = None) -> Neighbours:
    """The team tells provider and GP, the provider tells the team; without `told` the lines are there and nothing else."""
    near = Neighbours(folder)
    if table is not None:
        near.tables = dict.fromkeys((TEAM, PROVIDER, GP), table)
        for address in near.tables:
            near.open(address)
    for address, number in ((TEAM, "C-1"), (PROVIDER, "P-1"), (GP, "H-1")):
        near[address].import_clients([ClientRow(number, BSN, "")])
    near.take(TEAM, allocation(end="2026-06-30"))
    near.take(PROVIDER, allocation(end="2026-06-30"))
    near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",), end=near.world.today + 60))
    near.settle(3)
    if told:
        near.take(PROVIDER, start())
        near.take(TEAM, status(1, Kind.IN_ONDERZOEK, near.world.today))
        near.settle(3)
    return near


def client(edge: Edge, number: str = "C-1") -> Client:
    return edge.client(number)


def intake(edge: Edge) -> Intake:
    work = edge.workplace
    return Intake(work, edge.identity.book, edge.identity.own_codes, peers.own_keys(work).event_key)


def the_report(edge: Edge, number: str = "C-1", asker: str = CLIENT) -> Report:
    work = edge.workplace
    return report(work.store, work, edge.identity.book, client(edge, number), asker)


def shown(found: Report) -> tuple[list[str], list[str], bytes]:
    """The report in its three forms: lines of HTML, lines of text, JSON."""
    paper = report_paper("Team Wmo", found)
    data = report_data("Team Wmo", found)
    return to_html(paper).decode().splitlines(), to_text(paper).splitlines(), orjson.dumps(data)


def limited(edge: Edge, ground: str, scope: Scope, number: str = "C-1") -> Limited:
    work = edge.workplace
    with work.commit("limited") as tx:
        return limit(tx, work, client(edge, number), ground, "A. de Vries", scope)


def rectified(edge: Edge, item: int, right: Correction, number: str = "C-1") -> Rectified:
    work = edge.workplace
    with work.commit("rectified") as tx:
        return rectify(tx, work, intake(edge), client(edge, number), item, right)


def erased(edge: Edge, number: str = "C-1", *, tasks_are_over: bool = True) -> Outcome:
    work = edge.workplace
    with work.commit("erased") as tx:
        done = erase(tx, work, intake(edge), client(edge, number), "A. de Vries", tasks_are_over=tasks_are_over)
    work.store.forget_deleted()
    return done


def with_column(base: RuleTable, column: str, value: object, *rows: int) -> RuleTable:
    """The same table with another cell in these rows."""
    parsed = orjson.loads(base.raw)
    for row in parsed["rows"]:
        row[column] = value if row["id"] in rows else row[column]
    return load(orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS))
