"""Phase ENTER: the frame of a call or creation comes to be.

The state's frame is the caller's, or nothing for the outermost. Sources: yellow paper, 7 and 8;
EIP-161, 684, 1014, 6780, 7610, 7702.
"""

from __future__ import annotations

from typing import Final

from chain.account import EMPTY_CODE_HASH
from chain.trie import EMPTY_ROOT

from .accounts import access, account_of, change_account, code_of, touch_empty, transfer
from .errors import Missing
from .instructions.system import salted_address
from .machine import Machine
from .names import NOTHING, Name
from .state import Call, Ending, Flag, Message, Outcome, Phase
from .structures.code import code_tree
from .structures.words import data_depth

FIRST_NONCE: Final = 1
"""Of a new contract (EIP-161)."""


def step_enter(m: Machine) -> None:
    """Make the frame of the pending message."""
    message = m.opener.open(m.pending, Message)
    before = m.effects_name
    try:
        if message.flags & Flag.CREATION:
            _enter_creation(m, message)
        else:
            _enter_call(m, message)
    except Missing as missing:
        m.put_back(before)
        m.load(missing)


def _enter_call(m: Machine, message: Message) -> None:
    entry_effects = m.effects_name
    account = account_of(m, message.address)
    is_precompile = (
        message.code_address in m.rules.precompiles and not message.flags & Flag.DELEGATED
    )
    code: Name = NOTHING
    code_length = 0
    if not is_precompile:
        source = account
        if message.code_address != message.address:
            source = account_of(m, message.code_address)
        code, code_length = code_of(m, message.code_address, source)
    if not message.flags & Flag.KEEPS_VALUE:
        if message.value:
            transfer(m, message.caller, message.address, message.value)
        elif not code_length:
            touch_empty(m, message.address)
    call = _call(m, message, message.address, account.generation, entry_effects)
    if is_precompile:
        m.begin_frame(call, message.gas, NOTHING, 0)
        m.phase, m.pending = Phase.PRECOMPILE, NOTHING
    else:
        _begin(m, call, message.gas, code, code_length)


def _enter_creation(m: Machine, message: Message) -> None:
    """Its call data is the init code, which is opened as a whole."""
    size = message.calldata_length
    init_code = b""
    if size:
        init_code = m.opener.leaves(message.calldata, data_depth(size))[:size]
    address = message.address
    if message.flags & Flag.SALTED:
        address = salted_address(message.caller, message.salt, init_code)
    if message.depth:
        creator = account_of(m, message.caller)
        change_account(m, message.caller, nonce=creator.nonce + 1)
    account, _ = access(m, address)
    is_taken = account.nonce or account.code_hash != EMPTY_CODE_HASH
    if is_taken or account.storage_root != EMPTY_ROOT:
        _collide(m, message)
        return
    entry_effects = m.effects_name
    change_account(m, address, nonce=FIRST_NONCE, created=m.effects.transaction)
    if message.value:
        transfer(m, message.caller, address, message.value)
    call = _call(m, message, address, account.generation, entry_effects)
    _begin(m, call, message.gas, code_tree(init_code), size)


def _collide(m: Machine, message: Message) -> None:
    """The address is taken (EIP-684, 7610): what was handed on is gone."""
    if not message.depth:
        m.phase = Phase.TRANSACTION_END
        m.pending = Outcome(Ending.FAILED, 0, NOTHING, 0, NOTHING)
        return
    m.open_frame()
    m.return_data, m.return_data_length = NOTHING, 0
    m.push(0)
    m.phase, m.pending = Phase.RUN, NOTHING


def _call(
    m: Machine, message: Message, address: bytes, generation: int, entry_effects: Name
) -> Call:
    """What the new frame is told. A creation has no call data."""
    is_creation = message.flags & Flag.CREATION
    return Call(
        depth=message.depth,
        flags=message.flags,
        address=address,
        caller=message.caller,
        value=message.value,
        code_address=address if is_creation else message.code_address,
        generation=generation,
        calldata=NOTHING if is_creation else message.calldata,
        calldata_length=0 if is_creation else message.calldata_length,
        output_offset=message.output_offset,
        output_size=message.output_size,
        entry_effects=entry_effects,
        parent=m.frame(),
    )


def _begin(m: Machine, call: Call, gas: int, code: Name, code_length: int) -> None:
    """Run the code, or end at once where there is none."""
    if code_length:
        m.begin_frame(call, gas, code, code_length)
        m.phase, m.pending = Phase.RUN, NOTHING
    else:
        m.set_frame(NOTHING)
        m.phase = Phase.LEAVE
        m.pending = Outcome(Ending.SUCCEEDED, gas, NOTHING, 0, call)
