"""Phase LEAVE: a frame ends. Effects, gas and return data go to the frame below.

Sources: yellow paper, 7 and 8; EIP-170, 211, 3541.
"""

from __future__ import annotations

from typing import Final

from chain.crypto.keccak import keccak256

from .. import gas_prices as gas
from .accounts import change_account, put_code
from .machine import Machine
from .names import NOTHING, is_nothing
from .state import Call, Ending, Flag, Outcome, Phase, Source
from .structures.code import code_tree
from .structures.words import data_depth
from .structures.world import Code

RESERVED_CODE_PREFIX: Final = 0xEF
"""Code that begins so cannot be deployed (EIP-3541)."""


def step_leave(m: Machine) -> None:
    """Deposit the code of a creation, which takes a step of its own, or go to the frame below."""
    outcome = m.opener.open(m.pending, Outcome)
    call = m.opener.open(outcome.call, Call)
    is_creation = call.flags & Flag.CREATION
    if is_creation and outcome.ending == Ending.SUCCEEDED and outcome.output_length:
        m.pending = _deposit(m, outcome, call.address)
        return
    succeeded = outcome.ending in (Ending.SUCCEEDED, Ending.DEPOSITED)
    if not succeeded:
        m.put_back(call.entry_effects)
    if is_nothing(call.parent):
        is_system = call.flags & Flag.SYSTEM
        m.phase = Phase.SYSTEM_CALL if is_system else Phase.TRANSACTION_END
        return
    m.phase, m.pending = Phase.RUN, NOTHING
    m.set_frame(call.parent)
    m.open_frame()
    m.gas += outcome.gas
    result = int.from_bytes(call.address, "big") if is_creation else 1
    m.push(result if succeeded else 0)
    length = outcome.output_length
    m.return_data, m.return_data_length = outcome.output, length
    size = min(call.output_size, length)
    m.copy_to_memory(Source.WORDS, outcome.output, length, 0, call.output_offset, size)


def _deposit(m: Machine, outcome: Outcome, address: bytes) -> Outcome:
    """Check and pay for the code that init code has returned, then set it; what came of it."""
    failed = Outcome(Ending.FAILED, 0, NOTHING, 0, outcome.call)
    size = outcome.output_length
    cost = gas.CODE_BYTE * size
    if size > gas.MAX_CODE_BYTES or cost > outcome.gas:
        return failed
    code = m.opener.leaves(outcome.output, data_depth(size))[:size]
    if code[0] == RESERVED_CODE_PREFIX:
        return failed
    code_hash = keccak256(code)
    put_code(m, code_hash, Code(code_tree(code), size))
    change_account(m, address, code_hash=code_hash)
    return Outcome(Ending.DEPOSITED, outcome.gas - cost, NOTHING, 0, outcome.call)
