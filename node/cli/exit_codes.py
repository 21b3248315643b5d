"""Exit codes; scripts of auditors and operators branch on them."""

from __future__ import annotations

from chain.errors import StemmaError

from ..config import ConfigurationError
from ..l1.json_rpc import L1Unreachable

OK = 0
FAILURE = 1
USAGE = 2
VERIFICATION_FAILED = 3
UNREACHABLE = 4


def exit_code_of(error: StemmaError) -> int:
    """The exit code an error ends the process with."""
    if isinstance(error, ConfigurationError):
        return USAGE
    if isinstance(error, L1Unreachable):
        return UNREACHABLE
    return FAILURE
