# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The names of the native formats, for settings: to know them costs nothing, the formats themselves are loaded when used."""

from typing import Final

AUTO: Final = "auto"  # each message says by its content what it is
IN_FORMATS: Final = (
    AUTO,
    "cloudevents",
    "corv",
    "fhir",
    "hl7v2",
    "ijw",
    "iwmo",
    "medvri",
    "oso",
    "school",
    "suwi",
    "team",
    "zgw",
)
OUT_FORMATS: Final = ("cloudevents", "corv", "csv", "fhir-communication", "fhir-task", "hl7v2", "school", "team", "zgw")
