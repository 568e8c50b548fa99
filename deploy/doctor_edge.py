# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the doctor of an edge looks at: files, its store, and the hub as it is seen from here.

The store of a running edge is borrowed while the doctor looks.  Nothing is read from the feed but to count it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import chain

import aiohttp

from adapters import alarms
from adapters import of_others as counted
from adapters.alarms import Alarm, Duty
from adapters.config import EdgeConfig
from adapters.connections.https import HttpsClient, HubRefusedError
from adapters.consent_words import due
from adapters.edge import Edge
from adapters.records_outgoing import ITEMS
from adapters.records_own import OWN, OWN_KEY, place
from adapters.sources.folder import REPORT
from adapters.store import StoreError, WrongKeyError
from adapters.witness import EVIDENCE, Cut
from deploy.compose_edge import NoHub, reads_authorities
from deploy.doctor import (
    Finding,
    clock,
    damaged,
    fine,
    folder,
    letters,
    manifest,
    moved,
    not_taken,
    of_others,
    private,
    room,
    seed,
    wrong,
)
from deploy.doctor_hub import Moment
from deploy.doctor_tls import DAYS, Pem, certificate, days, named
from deploy.put_aside import put_aside
from hub.client import Feed, HubClient, HubUnavailableError, RefusedError, Seen
from schemas.address import is_handed_out, oin_of
from schemas.calendar import start_of_day
from schemas.manifest import parse_manifest
from schemas.note import Checkpoint, NoteError, open_note

SECONDS = 20.0
_BY_HUB = "Run `schakel edge renew`; a running edge tries by itself, and says in its log (not-renewed) why it can't."
_REVOKED = "Call the operator of the hub. With an OIN: put another certificate in its place; else `schakel edge renew --request`."
_WORK = "Once it is admitted, let it work (`schakel edge work`, or `schakel edge run`): it hears so then."
_JOIN = "the operator of the hub to admit this edge (`schakel partner admit`) and whether it is suspended."


def of_files(config: EdgeConfig, moment: Moment) -> Iterator[Finding]:
    """Keys, folders, disk, certificate."""
    if config.key_file is not None:
        yield seed("key of the store", config.key_file)
    yield private("data folder", config.data_folder)
    yield room(config.data_folder)
    if config.clock_file is not None:
        yield moved("edge.toml")
    places = (config.in_folder, config.done_folder, config.quarantine_folder, config.out_folder)
    for name, one in zip(("in", "done", "quarantine", "out"), places, strict=True):
        yield folder(f"folder {name}", one)
    yield not_taken(config.in_folder, moment.now / 1000)
    aside = put_aside(config.quarantine_folder)
    yield damaged(aside.damaged, REPORT)
    yield letters([one.since for one in aside.letters], moment.now / 1000)
    if config.hub_url is not None and not config.hub_certificate.exists():
        yield wrong(
            "certificate for the hub",
            f"{config.hub_certificate} is not there.",
            "Put it there. Who has none of its own gets it from the operator of the hub, who admits this edge.",
        )
    elif config.hub_url is not None:
        # Which authority vouches for an edge is the hub's affair: its own file only vouches for the hub.
        pem = Pem(config.hub_certificate, config.hub_certificate_key, ())
        given = is_handed_out(oin_of(config.address))
        subject, until = "certificate for the hub", days(strict=config.strict)
        if given:  # a running edge renews it before that
            yield from certificate(subject, pem, moment.now, ends_in=DAYS - 1, renew=_BY_HUB)
        else:
            yield from certificate(subject, pem, moment.now, ends_in=until)
        yield named("certificate for the hub, name", config.hub_certificate, oin_of(config.address))
    if config.hub_url is not None:
        yield _vouching(config)


def _vouching(config: EdgeConfig) -> Finding:
    """Whether it is known whose certificates vouch for the keys of partners."""
    subject, read = "authorities of partners", reads_authorities(config)
    if read is None:
        says = "None are set, so the keys that the hub shows of a partner are believed without its certificate."
        return wrong(subject, says, "Set partner_authorities and accession_authority, from an invitation of the hub.")
    try:
        found = read()
    except (OSError, ValueError):
        says = "partner_authorities or accession_authority can't be read; nothing is sealed for who is new."
        return wrong(subject, says, "Put back the files in PEM that `schakel edge join` wrote, from the invitation.")
    return fine(subject, f"{len(found.organisations)} for those with an OIN, {len(found.accession)} for those without.")


def of_store(edge: Edge, moment: Moment) -> Iterator[Finding]:
    """The store takes a commit, its times are not ahead, its manifest is in the log, and it has seen no fork."""
    try:
        edge.store.probe()
    except StoreError as error:
        yield no_store(error)
        return
    yield fine("store", "It opens with its key and takes commits; its format and settings are as they must be.")
    here = place(edge.store)
    made = (item.made_at for item in ITEMS.scan(edge.store))
    yield clock(moment.now, max(chain((start_of_day(here.cleaned_on),), made)))
    yield from _own_manifest(edge, moment)
    yield _fork(edge.store.count(EVIDENCE), edge.cuts())
    yield _restored(edge)
    yield of_others(counted.of_late(edge.store, moment.today), counted.DAYS)
    standing = alarms.standing(edge.store)
    yield caught([one for one in standing if one.of_hub])
    yield misused([one for one in standing if not one.of_hub and one.lie not in set(Duty)])
    yield overdue([one for one in standing if one.lie in set(Duty)])
    yield ending(some=bool(due(edge.store, edge.workplace)))


def _restored(edge: Edge) -> Finding:
    if edge.restoring() is None:
        return fine("restore", "This edge was not put back from a copy.")
    if edge.is_unconfirmed():
        says = "This edge was put back from a copy and does nothing before a person has confirmed."
        return wrong("restore", says, "`schakel edge restored` says what to do first.")
    if edge.is_restoring():
        return wrong(
            "restore", "A person has confirmed; the lines wait for the hub.", "Let it run, or look at the hub."
        )
    return fine("restore", "This edge was put back from a copy, and goes on.")


def no_store(error: Exception) -> Finding:
    """Why the store can't be looked at."""
    if isinstance(error, WrongKeyError):
        remedy = "Name the key that it was made with in key_file of edge.toml; without that key it can't be opened."
    else:
        remedy = "Mend this first and look again. A store that is damaged or gone is put back from its back-up."
    return wrong("store", str(error), remedy)


def _own_manifest(edge: Edge, moment: Moment) -> Iterator[Finding]:
    own = OWN.get(edge.store, OWN_KEY)
    if own is None:
        yield manifest("manifest", None, moment.today, own=True)
        return
    yield manifest("manifest", parse_manifest(own.manifest).manifest.until, moment.today, own=True)
    if own.index is None:
        says = "This edge has not heard from the hub that its newest manifest stands in the log."
        yield wrong("admission", says, f"{_WORK} Else ask {_JOIN}")
    else:
        yield fine("admission", "The hub has the manifest in its log.")


def caught(found: Sequence[Alarm]) -> Finding:
    """What the hub was caught at and nobody has settled."""
    if not found:
        return fine("honesty of the hub", "It was caught at nothing that it may not do.")
    return _first_of("honesty of the hub", found)


def misused(found: Sequence[Alarm]) -> Finding:
    """What was done too often and nobody has settled."""
    if not found:
        return fine("codes and introductions", "They were used no more often than one expects.")
    return _first_of("codes and introductions", found)


def overdue(found: Sequence[Alarm]) -> Finding:
    """What a person must decide and has not decided in time."""
    if not found:
        return fine("decisions", "None is overdue.")
    return wrong("decisions", found[0].says, found[0].remedy)


def ending(*, some: bool) -> Finding:
    """Whether agreements end within a month; no number of them, and no fault."""
    if not some:
        return fine("agreements", "None ends within a month.")
    return fine("agreements", "Some end within a month: `schakel agreement due` has a proposal to renew each.")


def _first_of(what: str, found: Sequence[Alarm]) -> Finding:
    first = found[0]
    more = f" And {len(found) - 1} more: `schakel edge alarms`." if len(found) > 1 else ""
    remedy = f"{first.remedy} When a person has looked: `schakel edge alarms --settle {first.number}`."
    return wrong(what, f"{first.says} ({first.about}){more}", remedy)


def _fork(number: int, cuts: Sequence[Cut]) -> Finding:
    if not number and not cuts:
        return fine("log of the hub", "It has only grown, as far as this edge has seen.")
    if not number:
        lost = sum(cut.lost for cut in cuts)
        return fine(
            "log of the hub", f"It was put back from a copy {len(cuts)} times; {lost} entries known here are gone."
        )
    return wrong(
        "log of the hub",
        "It was found forked: the hub showed a log that does not extend the one it showed before.",
        "Nothing goes on before a person has looked. Keep the store, compare with other partners (`schakel edge seen`, "
        "`schakel audit compare`), and call them and the operator. Then: `schakel edge alarms --follow-log`.",
    )


def of_hub(edge: Edge, client: HubClient, config: EdgeConfig) -> Iterator[Finding]:
    """The connection, the signature and length of the log, and the position in the feed."""
    if config.hub is None or config.hub_verifier is None:
        yield wrong(
            "connection", "No hub is set.", 'Name one in edge.toml: hub = "https://HOST:PORT", and its hub_key.'
        )
        return
    if isinstance(client, NoHub):
        yield wrong("connection", f"The hub can't be reached: {client.reason}", "Mend that first, and look again.")
        return
    here = place(edge.store)
    try:
        note, feed, ready = asyncio.run(_ask(client, here.feed))
    except (HubUnavailableError, TimeoutError) as error:
        yield unreached(error)
        return
    except (HubRefusedError, RefusedError) as error:
        if isinstance(error, HubRefusedError) and error.name == "revoked":
            yield wrong("connection", "The operator of the hub revoked the certificate of this edge.", _REVOKED)
            return
        yield wrong("connection", f"The hub refuses this edge: {error}", f"Ask {_JOIN}")
        return
    yield answered(ready=ready)
    yield checkpoint(note, config.hub_verifier, edge.seen())
    yield position(here.origin, here.feed, feed)


def unreached(error: Exception) -> Finding:
    """Why the hub did not answer, as far as it can be seen from here."""
    cause = error.__cause__
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        return wrong(
            "connection",
            "What answers there shows a certificate that hub_authorities do not vouch for, or one that has ended.",
            "See that hub_authorities is the file that `schakel edge join` made, then tell the operator of the hub.",
        )
    # Whoever is refused in TLS sees the connection closed or reset, as it happens to be in the middle of sending or not.
    is_reset = isinstance(cause, aiohttp.ClientOSError) and not isinstance(cause, aiohttp.ClientConnectorError)
    if isinstance(cause, aiohttp.ServerDisconnectedError) or is_reset:
        return wrong(
            "connection",
            "What answers there ends the connection at once.",
            "Most often it does not take the certificate of this edge: look at that first, then ask the operator.",
        )
    says = f"The hub can't be reached: {str(error) or 'no answer in time'}"
    return wrong("connection", says, "Look at network, name and port, then ask the operator whether the hub runs.")


async def _ask(client: HubClient, after: int) -> tuple[str, Feed, bool]:
    async with asyncio.timeout(SECONDS):
        ready = await client.ready() if isinstance(client, HttpsClient) else True
        return await client.checkpoint(), await client.outcomes(after), ready


def answered(*, ready: bool) -> Finding:
    """The hub answers; whether it takes anything is another matter."""
    if ready:
        return fine("connection", "The hub answers.")
    return wrong(
        "connection",
        "The hub answers, and says that it can't write at present: it takes nothing from anybody.",
        "Tell its operator, who sees why with `schakel hub doctor`. This edge keeps what it has and goes on by itself.",
    )


def checkpoint(note: str, verifier: tuple[str, bytes], seen: Seen | None) -> Finding:
    """The newest checkpoint: signed by the key of the settings, and not shorter than what was seen."""
    try:
        offered: Checkpoint = open_note(note, *verifier)
    except NoteError as error:
        remedy = (
            "Compare hub_key in edge.toml with the verifier key that the operator gave on paper; call when it differs."
        )
        return wrong("checkpoint", f"The hub's key did not sign it: {error}", remedy)
    if seen is not None and (seen.origin != offered.origin or offered.size < seen.size):
        return wrong(
            "checkpoint",
            "The log is another, or shorter than what this edge has seen: the hub was restored, or it lies.",
            "Call the operator. Nothing goes on before a person has looked.",
        )
    return fine("checkpoint", f"Signed by the hub's key, {offered.size} entries.")


def position(origin: str, read: int, feed: Feed) -> Finding:
    """Where this edge is in its feed; `feed` is what follows."""
    if not origin:
        return wrong("feed", "It was never read.", "Let this edge work: `schakel edge work`, or `schakel edge run`.")
    if origin != feed.origin:
        remedy = "Ask the operator whether the hub was restored. The next pass reads the new feed from its start."
        return wrong("feed", "The hub shows the feed of another log than this edge has read.", remedy)
    if feed.more:
        says = f"Read up to line {read}; more than {len(feed.items)} lines wait."
        return wrong("feed", says, "Let this edge work: `schakel edge work`, or `schakel edge run`.")
    return fine("feed", f"Read up to line {read}; {len(feed.items)} lines wait.")
