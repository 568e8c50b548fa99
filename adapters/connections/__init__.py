# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Ways to a hub that is somewhere else; the one in the same process stands in `deploy/local.py`."""
