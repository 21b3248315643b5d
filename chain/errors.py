"""The root of every error that stemma raises, and what a caller may do about one.

Knows nothing of any particular failure: each room derives its own errors from these and says in the
message what went wrong, where, and both sides of a mismatch.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class Recovery(Enum):
    """What the caller of a failed operation may do next."""

    RETRY = "retry"
    """The same call may succeed later, for example when more L1 data has arrived."""

    RESET = "reset"
    """State derived so far no longer holds: go back to the last agreed point and start again."""

    STOP = "stop"
    """Neither waiting nor starting again helps: the input or the program is wrong."""


class StemmaError(Exception):
    """Base of all errors of this project; `recovery` tells a loop how to go on."""

    recovery: ClassVar[Recovery] = Recovery.STOP


class DecodeError(StemmaError, ValueError):
    """Bytes from outside do not have the form that they claim to have."""


class EncodeError(StemmaError, ValueError):
    """A value does not fit the type or width it is to be encoded as."""
