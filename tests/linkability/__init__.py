# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""An attacker at the hub who wants to know which handles belong to one citizen, in a town that does not exist.

`python -m tests.linkability` writes build/linkability.md; `tests/test_linkability.py` holds the figures that we publish.
"""
