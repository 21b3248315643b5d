"""py-evm's Prague opcodes with what we correct in them.

SELFDESTRUCT comes wrapped in a function that warns of its deprecation on every use; the opcode
itself lies below the wrapping. Gas and effects of the rest are py-evm's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from eth.vm.forks.prague.opcodes import PRAGUE_OPCODES

SELFDESTRUCT: Final = 0xFF


def _unwrapped(opcode: Callable[..., object]) -> Callable[..., object]:
    while hasattr(opcode, "__wrapped__"):
        opcode = opcode.__wrapped__
    return opcode


OPCODES: Final[dict[int, Any]] = {
    **PRAGUE_OPCODES,
    SELFDESTRUCT: _unwrapped(PRAGUE_OPCODES[SELFDESTRUCT]),
}
"""Every opcode of Prague: value → py-evm opcode object."""
