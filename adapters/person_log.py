# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What an edge did about its own clients, and who looked at whom, as lines of NEN 7513 after the Logius extension.

The extension is LDV's line with a block beside it that names who. LDV forbids a user in its lines, so this is a stream of its own,
and a file of its own. The text of NEN 7513 was not at hand; the names of the fields are those of the extension.

Guarantees:
- every look that is kept is in it, with the name that the person gave and the account that the machine knows; none is left out
  because its client was erased since;
- what was told and received is in it with the organisations: no person does that;
- the client is the own number under the same key as in LDV's lines, never a BSN; what is not known (the place from which somebody
  looked, whether this person helps this client) is left out and never guessed;
- reading it is a look too: before a line is handed over it is recorded for every client that is in it or could be, so that who may
  not know of a line does not learn of it by the look.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from adapters.looks import LOG, Viewer, record
from adapters.processing_log import OK, Done, ProcessingLog, Subject, ids_of, pairs
from adapters.records_outgoing import CLIENTS
from adapters.records_people import LOOKS, Look
from adapters.store import Transaction
from adapters.workplace import Workplace
from schemas.address import oin_of, role_of

PREFIX: Final = "dpl.nen7513"
# Codes of RFC 3881, which NEN 7513 builds on (from memory).
_PERSON, _PATIENT, _PATIENT_NUMBER, _APPLICATION_SERVER = "1", "1", "2", "4"
_CHECKED_TELLING: Final = ["refusals", "grant"]
_CHECKED_RECEIVING: Final = ["signature", "grant", "rule-table-of-recipient", "refusals"]
_CHECKED_LOOKING: Final = ["account-of-the-machine", "recorded-before-shown"]


def source(address: str) -> dict[str, str]:
    """Where the lines come from, as the extension names it, for the resource of each line."""
    return {
        "nen7513.AuditEnterpriseSiteID": oin_of(address),
        "nen7513.AuditSourceId": address,
        "nen7513.AuditSourceTypeCode": _APPLICATION_SERVER,
    }


@dataclass(frozen=True, slots=True)
class PersonLog:
    """Makes the lines, of one client or all. `log` makes what they have in common with LDV's."""

    log: ProcessingLog
    client: str | None = None

    def lines(self, since: int, until: int) -> Iterator[dict[str, Any]]:
        """What was done and who looked from one time (ms) to another, the last not included."""
        for done in self.log.done(since, until):
            if self._wants(done.about.client):
                yield self._done(done)
        for look in self._looks(since, until):
            for task in look.tasks or ("",):
                yield self._look(look, task)

    def clients(self, since: int, until: int) -> set[str]:
        """Whom those lines are about, and every own client of whom there is none: that a line is there is not to be seen from this."""
        if self.client is not None:
            return {self.client}
        found = {done.about.client for done in self.log.done(since, until)}
        found |= {look.client for look in self._looks(since, until)}
        return found | {one.id for one in CLIENTS.scan(self.log.reads)}

    def _looks(self, since: int, until: int) -> Iterator[Look]:
        reads = self.log.reads
        kept = LOOKS.scan(reads) if self.client is None else LOOKS.find(reads, "client", self.client.encode())
        return (look for look in kept if since <= look.at < until)

    def _wants(self, client: str) -> bool:
        return self.client in (None, client)

    def _done(self, done: Done) -> dict[str, Any]:
        told, about = done.sender == self.log.address, done.about
        users = [
            {
                "userID": oin_of(one),
                "userName": one,
                "userIsRequestor": one == self.log.address,
                "roleIDCode": role_of(one),
                "purposeOfUse": about.purpose,
            }
            for one in (done.sender, done.recipient)
        ]
        policy = {
            "participantObjectPermissionPolicySet": f"row {about.row}",
            "participantObjectSensitivity": list(done.categories),
        }
        return self._with(
            done.line,
            users,
            self._participant(about.client) | policy,
            {
                "autorisatieProtocol": "schakel",
                "behandelrelatieProtocol": f"row {about.row}",
                "toestemmingsProfiel": done.ground,
                "controles": _CHECKED_TELLING if told else _CHECKED_RECEIVING,
            },
        )

    def _look(self, look: Look, task: str) -> dict[str, Any]:
        purpose, _, law = task.partition("/")
        about = Subject(look.client, 0, law or "none", purpose or "none")
        line = self.log.line(ids_of(look.id, task), f"schakel.look.{look.what}", OK, (look.at, look.at), about)
        user = {
            "userID": look.account,
            "userName": look.by,
            "userIsRequestor": True,
            "roleIDCode": role_of(self.log.address),
            "purposeOfUse": look.why,
        }
        # Whether this person helps this client nobody checked here, so nothing is said of it.
        how = {"autorisatieProtocol": "account-of-the-machine", "controles": _CHECKED_LOOKING}
        return self._with(line, [user], self._participant(look.client), how)

    def _participant(self, client: str) -> dict[str, Any]:
        return {
            "participantObjectTypeCode": _PERSON,
            "participantObjectTypeCodeRole": _PATIENT,
            "participantObjectIDTypeCode": _PATIENT_NUMBER,
            "participantObjectID": self.log.subject(client),
        }

    @staticmethod
    def _with(
        line: dict[str, Any], users: list[dict[str, Any]], participant: dict[str, Any], how: dict[str, Any]
    ) -> dict[str, Any]:
        block = {"eventTypeCode": line["name"], "users": users, "participants": [participant], **how}
        return line | {
            "attributes": line["attributes"] + pairs({f"{PREFIX}.{name}": value for name, value in block.items()})
        }


def seen(tx: Transaction, work: Workplace, viewer: Viewer, clients: set[str]) -> None:
    """Keep of each of these clients that this person has the log with them in it; it is handed over after the commit only."""
    for client in sorted(clients):
        record(tx, work, viewer, client, LOG)
