# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""How a command ends: the one table of exit codes, and which error ends in which.

Errors are named here by their place, so that nothing needs to be imported to say `schakel --help`; a test holds that
every name exists.  The sentence that a person sees never holds a value of a message: our own errors promise that, and
of any other error only its kind and place are shown.
"""

from __future__ import annotations

import os
import traceback
from enum import IntEnum
from errno import EADDRINUSE, EADDRNOTAVAIL
from pathlib import Path

import click


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    FAILED = 1
    WRONG_USE = 2
    REFUSED = 3
    UNDECIDED = 4


MEANING = {
    Exit.DONE: "done: the command did what was asked",
    Exit.FAILED: "failed: something outside the command line is in the way; the sentence says what to do",
    Exit.WRONG_USE: "wrong use: the command line is not right, and nothing was done",
    Exit.REFUSED: "refused input: what was given to read is not in order; the report says where",
    Exit.UNDECIDED: "undecided: nothing is wrong as far as can be told, and more is needed to tell; the sentence says what",
}

ENDS_IN = {
    "adapters.agreement_plan.AgreementError": Exit.REFUSED,
    "adapters.by_person.NoGroundError": Exit.REFUSED,
    "adapters.clients.ClientConflictError": Exit.REFUSED,
    "adapters.code.CodeError": Exit.REFUSED,
    "adapters.code_slips.TooManyCodesError": Exit.REFUSED,
    "adapters.connections.https.HubRefusedError": Exit.REFUSED,
    "adapters.consent_import.OfAnotherError": Exit.REFUSED,
    "adapters.consent_words.BirthError": Exit.REFUSED,
    "adapters.conversation.AnswerError": Exit.REFUSED,
    "adapters.declarations.DeclarationError": Exit.REFUSED,
    "adapters.workplace.EdgeError": Exit.REFUSED,
    "adapters.erasure.ErasureError": Exit.REFUSED,
    "adapters.formats.native.Malformed": Exit.REFUSED,
    "adapters.held.NotHeldError": Exit.REFUSED,
    "adapters.held.UndecidedError": Exit.REFUSED,
    "adapters.keys.KeyProblem": Exit.FAILED,
    "adapters.kept_numbers.NotKeptError": Exit.REFUSED,
    "adapters.lines.NotLawfulError": Exit.REFUSED,
    "adapters.looks.NoNameError": Exit.REFUSED,
    "adapters.matters.MatterError": Exit.REFUSED,
    "adapters.objections.ObjectionError": Exit.REFUSED,
    "adapters.onward.OnwardError": Exit.REFUSED,
    "adapters.peers.FalseManifestError": Exit.FAILED,
    "adapters.rectify.RectifyError": Exit.REFUSED,
    "adapters.rights_letters.LetterError": Exit.REFUSED,
    "adapters.rights_limits.LimitError": Exit.REFUSED,
    "adapters.sources.folder.FolderError": Exit.FAILED,
    "adapters.requests.RequestError": Exit.REFUSED,
    "adapters.stop_code.StopCodeError": Exit.REFUSED,
    "adapters.store.StoreError": Exit.FAILED,
    "adapters.witness.LogForkError": Exit.FAILED,
    "adapters.witness.NotProvenError": Exit.FAILED,
    "consent.fhir_json.ConsentError": Exit.REFUSED,
    "consent.rules.TableError": Exit.REFUSED,
    "consent.signed_table.KeyLineError": Exit.REFUSED,
    "consent.signed_table.UnsignedError": Exit.REFUSED,
    "deploy.dev_ca.NotInStrictModeError": Exit.REFUSED,
    "deploy.way_to_hub.WayError": Exit.FAILED,
    "deploy.lists.ListError": Exit.REFUSED,
    "deploy.renewal.RenewalError": Exit.FAILED,
    "deploy.rules_in_force.RulesError": Exit.REFUSED,
    "deploy.search_storage.SearchError": Exit.FAILED,
    "deploy.story.case.StoryError": Exit.FAILED,
    "hub.accession_authority.JoinError": Exit.REFUSED,
    "hub.audit.compare.SeenError": Exit.REFUSED,
    "hub.audit.export.ExportError": Exit.REFUSED,
    "hub.client.HubUnavailableError": Exit.FAILED,
    "hub.client.RefusedError": Exit.REFUSED,
    "hub.control_socket.ControlError": Exit.FAILED,
    "hub.intake_rules.IntakeStoppedError": Exit.FAILED,
    "hub.kafka_cluster.ClusterError": Exit.FAILED,
    "hub.machines.UnheardError": Exit.FAILED,
    "hub.moving.MovedAwayError": Exit.FAILED,
    "hub.moving.UnfinishedMoveError": Exit.FAILED,
    "hub.self_test.SelfTestError": Exit.FAILED,
    "hub.store.StoreError": Exit.FAILED,
    "hub.watch_relay.RelayAwayError": Exit.FAILED,
    "hub.watch_relay.RelayError": Exit.FAILED,
    "schemas.attestation.AttestationError": Exit.FAILED,
    "schemas.canonical.FrameError": Exit.REFUSED,
    "schemas.note.NoteError": Exit.FAILED,
    "schemas.order_faults.OrderError": Exit.REFUSED,
    "schemas.registry.InvalidPart": Exit.REFUSED,
    "schemas.settings.SettingsError": Exit.REFUSED,
}


class Stopped(click.ClickException):
    """The command ends here, with a sentence for a person and an exit code for a program."""

    def __init__(self, sentence: str, code: Exit) -> None:
        super().__init__(sentence)
        self.exit_code = int(code)


def failed(sentence: str) -> Stopped:
    """Something outside the command line is in the way."""
    return Stopped(sentence, Exit.FAILED)


def wrong_use(sentence: str) -> Stopped:
    """The command line is not right."""
    return Stopped(sentence, Exit.WRONG_USE)


def refused(sentence: str) -> Stopped:
    """What was given to read is not in order."""
    return Stopped(sentence, Exit.REFUSED)


def ending(error: Exception) -> Stopped:
    """How the command ends when this error reaches the top."""
    for kind in type(error).__mro__:
        code = ENDS_IN.get(f"{kind.__module__}.{kind.__qualname__}")
        if code is not None:
            return Stopped(_sentence(str(error)), code)
    if isinstance(error, FileExistsError):
        return failed("A file that would be written is there already, and nothing is overwritten. Choose another name.")
    if isinstance(error, OSError) and error.errno in (EADDRINUSE, EADDRNOTAVAIL):
        return failed(
            f"What listen or metrics_listen names can't be had: {os.strerror(error.errno).lower()}. See what else listens "
            "there (`ss -ltn`), or set another host and port."
        )
    if isinstance(error, OSError):  # its own text names a file, and a file may be named after a client
        return failed(f"The system refused to read or write: {error.strerror or 'no reason given'}.")
    return failed(
        f"Schakel itself failed ({type(error).__name__} at {place_of(error)}). Nothing of the message is shown here; "
        "tell the supplier this line."
    )


def _sentence(text: str) -> str:
    if text.partition(" ")[0].isalpha():  # a code or a path stays as it is written
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."


def place_of(error: Exception) -> str:
    """File and line in our own code where it arose, as far in as can be told."""
    root = Path(__file__).resolve().parents[1]
    inside = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(root) and ".venv" not in Path(frame.filename).parts
    ]
    if not inside:
        return "an unknown place"
    return f"{Path(inside[-1].filename).relative_to(root)}:{inside[-1].lineno}"
