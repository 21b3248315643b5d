"""Frames below a frame, and the end of one: calls, creations, RETURN, REVERT, SELFDESTRUCT.

What becomes of a message is the frame's own matter (`computation.py`): moving wei, running code,
undoing it. Here stand the prices, and what the caller sees.
"""

from __future__ import annotations

from eth.exceptions import OutOfGas, Revert, WriteProtection

from chain import rlp
from chain.crypto.keccak import keccak256
from chain.types import MAX_UINT64, Address

from ...delegation import delegation_of
from ...gas_prices import (
    CALL_STIPEND,
    CALL_VALUE,
    COLD_ACCOUNT,
    KECCAK256_WORD,
    NEW_ACCOUNT,
    WARM,
    all_but_one_64th,
)
from ..frame import Frame
from ..memory import touch
from ..message import FrameMessage
from .gas import charge, pay_access, words
from .words import address_in

MAX_DEPTH = 1024
"""Frames below the outermost."""


# -- calls ----------------------------------------------------------------------------------------


def call(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops gas, an address, wei, and where input and output lie; calls the account there.

    Pushes 1 on success, else 0. Yellow paper, 0xf1; EIP-150, 161, 214, 2929, 7702.
    """
    # STACK
    wanted, account, value = stack.pop(), address_in(stack.pop()), stack.pop()
    if value and frame.msg.is_static:
        raise WriteProtection("write protection")
    data, target, gas = _input(frame, stack, gas)
    # GAS
    code, source, gas = _code_of(frame, account, gas)
    stipend = 0
    if value:
        is_new = frame.state.account_is_empty(account)
        gas = charge(gas, CALL_VALUE + NEW_ACCOUNT if is_new else CALL_VALUE, "CALL")
        stipend = CALL_STIPEND
    given = min(wanted, all_but_one_64th(gas))
    # OPERATION
    msg = frame.msg
    message = FrameMessage(
        given + stipend, account, msg.storage_address, value, data, code, msg.depth + 1,
        None, source, True, msg.is_static, source is not account,
    )  # fmt: skip
    return _run(frame, stack, gas - given, message, target)


def callcode(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops what CALL pops; runs the code of the account there on this frame's own account.

    Pushes 1 on success, else 0. Yellow paper, 0xf2; EIP-150, 2929, 7702.
    """
    # STACK
    wanted, account, value = stack.pop(), address_in(stack.pop()), stack.pop()
    data, target, gas = _input(frame, stack, gas)
    # GAS
    code, source, gas = _code_of(frame, account, gas)
    stipend = 0
    if value:
        gas = charge(gas, CALL_VALUE, "CALLCODE")
        stipend = CALL_STIPEND
    given = min(wanted, all_but_one_64th(gas))
    # OPERATION
    msg = frame.msg
    message = FrameMessage(
        given + stipend, msg.storage_address, msg.storage_address, value, data, code,
        msg.depth + 1, None, source, True, msg.is_static, source is not account,
    )  # fmt: skip
    return _run(frame, stack, gas - given, message, target)


def delegatecall(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops what CALL pops but for the wei; runs the code there as if it were this frame's own.

    Sender and value stay what they are. Pushes 1 on success, else 0. EIP-7, 150, 2929, 7702.
    """
    # STACK
    wanted, account = stack.pop(), address_in(stack.pop())
    data, target, gas = _input(frame, stack, gas)
    # GAS
    code, source, gas = _code_of(frame, account, gas)
    given = min(wanted, all_but_one_64th(gas))
    # OPERATION
    msg = frame.msg
    message = FrameMessage(
        given, msg.storage_address, msg.sender, msg.value, data, code, msg.depth + 1,
        None, source, False, msg.is_static, source is not account,
    )  # fmt: skip
    return _run(frame, stack, gas - given, message, target)


def staticcall(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops what CALL pops but for the wei; calls the account there, which may change nothing.

    Pushes 1 on success, else 0. EIP-150, 214, 2929, 7702.
    """
    # STACK
    wanted, account = stack.pop(), address_in(stack.pop())
    data, target, gas = _input(frame, stack, gas)
    # GAS
    code, source, gas = _code_of(frame, account, gas)
    given = min(wanted, all_but_one_64th(gas))
    # OPERATION
    msg = frame.msg
    message = FrameMessage(
        given, account, msg.storage_address, 0, data, code, msg.depth + 1,
        None, source, False, True, source is not account,
    )  # fmt: skip
    return _run(frame, stack, gas - given, message, target)


def _input(frame: Frame, stack: list[int], gas: int) -> tuple[bytes, tuple[int, int], int]:
    """Pop where input and output lie, and pay for that memory.

    The input; offset and size of the output; the gas left.
    """
    start, size, target, most = stack.pop(), stack.pop(), stack.pop(), stack.pop()
    memory = frame.memory
    gas = touch(memory, start, size, gas)
    gas = touch(memory, target, most, gas)
    return bytes(memory[start : start + size]) if size else b"", (target, most), gas


def _code_of(frame: Frame, account: Address, gas: int) -> tuple[bytes, Address, int]:
    """Pay for meeting an account: its code, the account that the code is from, the gas left.

    The two accounts differ where the one delegates to the other (EIP-7702).
    """
    state = frame.state
    gas = pay_access(frame, account, gas)
    code = state.get_code(account)
    delegate = delegation_of(code) if frame.has_delegations else None
    if delegate is None:
        return code, account, gas
    gas = pay_access(frame, delegate, charge(gas, WARM, "access of a delegate"))
    return state.get_code(delegate), delegate, gas


def _run(
    frame: Frame, stack: list[int], gas: int, message: FrameMessage, target: tuple[int, int]
) -> int:
    """Run a call that is paid for: output into memory, success onto the stack; the gas left."""
    value = message.value if message.should_transfer_value else 0
    is_poor = value and frame.state.get_balance(frame.msg.storage_address) < value
    if is_poor or message.depth > MAX_DEPTH:
        return _refused(frame, stack, gas + message.gas)
    child = frame.run_child(message)
    stack.append(1 if child.succeeded else 0)
    start, most = target
    output = frame.return_data[:most]
    if output:
        frame.memory[start : start + len(output)] = output
    return gas + child.gas_left


def _refused(frame: Frame, stack: list[int], gas: int) -> int:
    """Push 0 for a frame that did not come to be; what it was given stays here."""
    frame.return_data = b""
    stack.append(0)
    return gas


# -- creations ------------------------------------------------------------------------------------


def create(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops wei and where init code lies; makes a contract whose address is by sender and nonce.

    Pushes that address, 0 where it fails. Yellow paper, 0xf0; EIP-150, 2929, 3860, 7610.
    """
    _require_writable(frame)
    # STACK
    value, start, size = stack.pop(), stack.pop(), stack.pop()
    # GAS
    code, gas = _init_code(frame, start, size, gas)
    # OPERATION
    if not _can_create(frame, value):
        return _refused(frame, stack, gas)
    creator = frame.msg.storage_address
    nonce = rlp.encode_int(frame.state.get_nonce(creator))
    address = Address(keccak256(rlp.encode([creator, nonce]))[12:])
    return _create(frame, stack, gas, value, code, address)


def create2(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops wei, where init code lies and a salt; makes a contract, its address by salt and code.

    Pushes that address, 0 where it fails. EIP-150, 1014, 2929, 3860, 7610.
    """
    _require_writable(frame)
    # STACK
    value, start, size, salt = stack.pop(), stack.pop(), stack.pop(), stack.pop()
    # GAS
    gas = charge(gas, KECCAK256_WORD * words(size), "CREATE2")
    code, gas = _init_code(frame, start, size, gas)
    # OPERATION
    if not _can_create(frame, value):
        return _refused(frame, stack, gas)
    origin = b"\xff" + frame.msg.storage_address + salt.to_bytes(32, "big")
    address = Address(keccak256(origin + keccak256(code))[12:])
    return _create(frame, stack, gas, value, code, address)


def _init_code(frame: Frame, start: int, size: int, gas: int) -> tuple[bytes, int]:
    """Pay for init code and read it; the code and the gas left."""
    if size > frame.max_init_code_size:
        raise OutOfGas(f"max initcode size exceeded: {size}")
    gas = charge(gas, frame.init_code_word_gas * words(size), "init code")
    gas = touch(frame.memory, start, size, gas)
    return bytes(frame.memory[start : start + size]) if size else b"", gas


def _can_create(frame: Frame, value: int) -> bool:
    state, creator = frame.state, frame.msg.storage_address
    if frame.msg.depth >= MAX_DEPTH or state.get_balance(creator) < value:
        return False
    return state.get_nonce(creator) < MAX_UINT64


def _create(
    frame: Frame, stack: list[int], gas: int, value: int, code: bytes, address: Address
) -> int:
    """Run init code with all gas that may be handed on; the gas left."""
    state, msg = frame.state, frame.msg
    given = all_but_one_64th(gas)
    state.increment_nonce(msg.storage_address)
    state.access(address)
    if state.has_code_or_nonce(address):
        return _refused(frame, stack, gas - given)
    sender, depth = msg.storage_address, msg.depth + 1
    message = FrameMessage(given, b"", sender, value, b"", code, depth, create_address=address)
    child = frame.run_child(message)
    stack.append(int.from_bytes(address, "big") if child.succeeded else 0)
    return gas - given + child.gas_left


# -- the end of a frame ---------------------------------------------------------------------------


def stop(frame: Frame, _stack: list[int], gas: int) -> None:
    """Ends the frame without output. Yellow paper, 0x00."""
    frame.gas_left = gas


def return_(frame: Frame, stack: list[int], gas: int) -> None:
    """Pops offset and size; ends the frame with that memory as its output. Y.p., 0xf3."""
    # STACK
    offset, size = stack.pop(), stack.pop()
    leave(frame, offset, size, gas)


def revert(frame: Frame, stack: list[int], gas: int) -> None:
    """Pops offset and size; undoes the frame, with that memory as its output. EIP-140."""
    # STACK
    offset, size = stack.pop(), stack.pop()
    give_up(frame, offset, size, gas)


def selfdestruct(frame: Frame, stack: list[int], gas: int) -> None:
    """Pops an address; gives it all wei and ends the frame, and a new account with it.

    Yellow paper, 0xff; EIP-150, 161, 214, 2929, 3529, 6780.
    """
    _require_writable(frame)
    # STACK
    heir = address_in(stack.pop())
    # GAS
    state = frame.state
    if state.access(heir):
        gas = charge(gas, COLD_ACCOUNT, "SELFDESTRUCT")
    if state.account_is_empty(heir) and state.get_balance(frame.msg.storage_address):
        gas = charge(gas, NEW_ACCOUNT, "SELFDESTRUCT")
    # OPERATION
    frame.self_destruct(heir)
    frame.gas_left = gas


def leave(frame: Frame, offset: int, size: int, gas: int) -> None:
    """End a frame with a piece of memory as its output. Raises OutOfGas."""
    # GAS
    frame.gas_left = touch(frame.memory, offset, size, gas)
    # OPERATION
    frame.output = bytes(frame.memory[offset : offset + size]) if size else b""


def give_up(frame: Frame, offset: int, size: int, gas: int) -> None:
    """The same and raise Revert."""
    leave(frame, offset, size, gas)
    raise Revert(frame.output)


def _require_writable(frame: Frame) -> None:
    if frame.msg.is_static:
        raise WriteProtection("write protection")
