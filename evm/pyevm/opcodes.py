"""Which opcodes a fork defines: py-evm's tables with what we correct and what Osaka adds.

SELFDESTRUCT comes wrapped in a function that warns of its deprecation on every use; the opcode
itself lies below the wrapping. A creation looks at the size of its init code first (EIP-3860).
From Berlin on only tracers run these objects; our own instructions run without looking here, and
that they run none which a fork lacks is the matter of `undefined_in`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from eth.exceptions import OutOfGas
from eth.vm.forks.berlin.opcodes import BERLIN_OPCODES
from eth.vm.forks.byzantium.opcodes import BYZANTIUM_OPCODES
from eth.vm.forks.cancun.opcodes import CANCUN_OPCODES
from eth.vm.forks.constantinople.opcodes import CONSTANTINOPLE_OPCODES
from eth.vm.forks.frontier.opcodes import FRONTIER_OPCODES
from eth.vm.forks.homestead.opcodes import HOMESTEAD_OPCODES
from eth.vm.forks.istanbul.opcodes import ISTANBUL_OPCODES
from eth.vm.forks.london.opcodes import LONDON_OPCODES
from eth.vm.forks.paris.opcodes import PARIS_OPCODES
from eth.vm.forks.petersburg.opcodes import PETERSBURG_OPCODES
from eth.vm.forks.prague.opcodes import PRAGUE_OPCODES
from eth.vm.forks.shanghai.opcodes import SHANGHAI_OPCODES
from eth.vm.forks.spurious_dragon.opcodes import SPURIOUS_DRAGON_OPCODES
from eth.vm.forks.tangerine_whistle.opcodes import TANGERINE_WHISTLE_OPCODES
from eth.vm.opcode import as_opcode

from .instructions import OPCODES

CLZ_OP: Final = 0x1E
CREATE: Final = 0xF0
CREATE2: Final = 0xF5
SELFDESTRUCT: Final = 0xFF
GAS_CLZ: Final = 5


def _unwrapped(opcode: Callable[..., object]) -> Callable[..., object]:
    while hasattr(opcode, "__wrapped__"):
        opcode = opcode.__wrapped__
    return opcode


def _measured(create: Any) -> Any:  # noqa: ANN401
    """CREATE or CREATE2, with the limit of EIP-3860 ahead of all else that can refuse it."""

    def run(computation: Any) -> None:  # noqa: ANN401
        stack, limit = computation.stack, computation.max_init_code_size
        if len(stack) >= 3 and stack[-3] > limit and not computation.msg.is_static:
            raise OutOfGas(f"max initcode size exceeded: {stack[-3]}")
        create(computation)

    return as_opcode(run, create.mnemonic, 0)


def _corrected(table: Mapping[int, Any]) -> dict[int, Any]:
    creations = {op: _measured(table[op]) for op in (CREATE, CREATE2)}
    return {**table, **creations, SELFDESTRUCT: _unwrapped(table[SELFDESTRUCT])}


def _clz(computation: Any) -> None:  # noqa: ANN401  # the face of py-evm's opcodes
    """CLZ (EIP-7939): how many leading zero bits a word has; 256 for zero."""
    computation.stack_push_int(256 - computation.stack_pop1_int().bit_length())


# Before Berlin the tables are py-evm's as they stand, and its own opcodes run them (`stock.py`).
FRONTIER: Final[dict[int, Any]] = dict(FRONTIER_OPCODES)
HOMESTEAD: Final[dict[int, Any]] = dict(HOMESTEAD_OPCODES)
TANGERINE_WHISTLE: Final[dict[int, Any]] = dict(TANGERINE_WHISTLE_OPCODES)
SPURIOUS_DRAGON: Final[dict[int, Any]] = dict(SPURIOUS_DRAGON_OPCODES)
BYZANTIUM: Final[dict[int, Any]] = dict(BYZANTIUM_OPCODES)
CONSTANTINOPLE: Final[dict[int, Any]] = dict(CONSTANTINOPLE_OPCODES)
PETERSBURG: Final[dict[int, Any]] = dict(PETERSBURG_OPCODES)
ISTANBUL: Final[dict[int, Any]] = dict(ISTANBUL_OPCODES)
BERLIN: Final[dict[int, Any]] = _corrected(BERLIN_OPCODES)
LONDON: Final[dict[int, Any]] = _corrected(LONDON_OPCODES)
PARIS: Final[dict[int, Any]] = _corrected(PARIS_OPCODES)
SHANGHAI: Final[dict[int, Any]] = _corrected(SHANGHAI_OPCODES)
CANCUN: Final[dict[int, Any]] = _corrected(CANCUN_OPCODES)
PRAGUE: Final[dict[int, Any]] = _corrected(PRAGUE_OPCODES)
OSAKA: Final[dict[int, Any]] = {**PRAGUE, CLZ_OP: as_opcode(_clz, "CLZ", GAS_CLZ)}


def undefined_in(table: Mapping[int, Any]) -> frozenset[int]:
    """Opcodes that we have instructions for, and that a fork with this table does not have."""
    return frozenset(OPCODES) - frozenset(table)
