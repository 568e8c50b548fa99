# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The properties draw the same examples for everybody, so that a change is judged by what it changes; `make fuzz` draws
new ones each time.
"""

import os

from hypothesis import settings

settings.register_profile("the same for everybody", derandomize="SCHAKEL_FUZZ" not in os.environ)
settings.load_profile("the same for everybody")
