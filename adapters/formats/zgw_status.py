# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A notice as a Status of the Zaken API (ZGW 1.5), for the case that the recipient keeps of this client.

- All that is required to set a Status but `zaak`: only the recipient knows its own case, and finds it by the client's
  number that stands beside it.
- `statustype` is a name of ours per kind; the recipient's case system maps it to its own catalogue.
- The explanation is a fixed sentence and says that nobody verified it. Never a BSN: a status is read by many.
"""

from collections.abc import Sequence

import orjson

from adapters.formats.moments import moment_text
from adapters.formats.native import Notice

STATUS_TYPE = "urn:schakel:statustype:"
_RETRACTED = "ingetrokken"
_TOLD = "Gemeld door een partner; niet geverifieerd."
_CALLED_BACK = "Deze melding is ingetrokken door de afzender; niet geverifieerd."


class ZgwWriter:
    """Writes a list, one object per notice."""

    name = "zgw"
    suffix = ".json"

    def write(self, notices: Sequence[Notice]) -> bytes:
        """Return the JSON; raises ValueError when there is nothing to write."""
        if not notices:
            raise ValueError("there is no notice to write")
        return orjson.dumps([_entry(notice) for notice in notices], option=orjson.OPT_INDENT_2) + b"\n"


def _entry(notice: Notice) -> dict[str, object]:
    event = notice.event
    gone = notice.retracted or event is None
    return {
        "melding": notice.event_id.hex(),
        "clientnummer": notice.own_number,
        "status": {
            "statustype": STATUS_TYPE + (_RETRACTED if event is None or gone else event.kind.value),
            # Called back: the day on which that was told, because a case has one status per moment.
            "datumStatusGezet": moment_text(notice.told_on if event is None or gone else event.day),
            "statustoelichting": _CALLED_BACK if gone else _TOLD,
        },
    }
