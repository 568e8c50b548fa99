# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What `schakel hub init` is told of a new hub: who runs it for whom, and who watches over it."""

from __future__ import annotations

NEW = ("--name", "hub.voorbeeld.nl", "--operator", "Stichting Hub", "--controllers", "Gemeente A; Gemeente B")
FG = ("--fg-contact", "fg@voorbeeld.example")
