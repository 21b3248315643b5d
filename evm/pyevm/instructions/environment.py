"""What surrounds a frame: its message, its code, the transaction, and other accounts."""

from __future__ import annotations

from eth.exceptions import OutOfBoundsRead

from ...gas_prices import COPY_WORD
from ..frame import Frame
from ..memory import touch
from .gas import charge, pay_access, words
from .words import address_in


def address(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes the account that the frame works on. Yellow paper, 0x30."""
    # OPERATION
    stack.append(int.from_bytes(frame.msg.storage_address, "big"))
    return gas


def balance(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops an address; pushes its balance in wei. Yellow paper, 0x31; EIP-2929."""
    # STACK
    account = address_in(stack[-1])
    # GAS
    gas = pay_access(frame, account, gas)
    # OPERATION
    stack[-1] = frame.state.get_balance(account)
    return gas


def origin(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes who signed the transaction. Yellow paper, 0x32."""
    # OPERATION
    stack.append(int.from_bytes(frame.facts.origin, "big"))
    return gas


def caller(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes who called this frame. Yellow paper, 0x33."""
    # OPERATION
    stack.append(int.from_bytes(frame.msg.sender, "big"))
    return gas


def callvalue(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes the wei that came with the call. Yellow paper, 0x34."""
    # OPERATION
    stack.append(frame.msg.value)
    return gas


def calldataload(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops an offset; pushes the word there in the call data, zeros past its end. Y.p., 0x35."""
    # STACK
    offset = stack[-1]
    # OPERATION
    word = frame.msg.data[offset : offset + 32]
    stack[-1] = int.from_bytes(word, "big") << (8 * (32 - len(word)))
    return gas


def calldatasize(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes the length of the call data. Yellow paper, 0x36."""
    # OPERATION
    stack.append(len(frame.msg.data))
    return gas


def calldatacopy(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops target, offset and size; copies call data into memory. Yellow paper, 0x37."""
    return _copy(frame, stack, gas, frame.msg.data)


def codesize(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes the length of the code that runs. Yellow paper, 0x38."""
    # OPERATION
    stack.append(len(frame.msg.code))
    return gas


def codecopy(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops target, offset and size; copies the code that runs into memory. Yellow paper, 0x39."""
    return _copy(frame, stack, gas, frame.msg.code)


def gasprice(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes what the transaction pays for a unit of gas, in wei. Yellow paper, 0x3a."""
    # OPERATION
    stack.append(frame.facts.gas_price)
    return gas


def extcodesize(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops an address; pushes the length of its code. Yellow paper, 0x3b; EIP-2929."""
    # STACK
    account = address_in(stack[-1])
    # GAS
    gas = pay_access(frame, account, gas)
    # OPERATION
    stack[-1] = len(frame.state.get_code(account))
    return gas


def extcodecopy(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops an address, target, offset and size; copies its code. Yellow paper, 0x3c; EIP-2929."""
    # STACK
    account = address_in(stack.pop())
    # GAS
    gas = pay_access(frame, account, gas)
    return _copy(frame, stack, gas, frame.state.get_code(account))


def returndatasize(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes the length of what the last call gave back. EIP-211."""
    # OPERATION
    stack.append(len(frame.return_data))
    return gas


def returndatacopy(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops target, offset and size; copies what the last call gave back, no more. EIP-211."""
    end = stack[-2] + stack[-3]
    if end > len(frame.return_data):
        raise OutOfBoundsRead(f"return data out of bounds: {end} > {len(frame.return_data)}")
    return _copy(frame, stack, gas, frame.return_data)


def extcodehash(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops an address; pushes the hash of its code, 0 for an empty account. EIP-1052, 2929."""
    # STACK
    account = address_in(stack[-1])
    # GAS
    gas = pay_access(frame, account, gas)
    # OPERATION
    state = frame.state
    is_empty = state.account_is_empty(account)
    stack[-1] = 0 if is_empty else int.from_bytes(state.get_code_hash(account), "big")
    return gas


def selfbalance(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes the balance of the account that the frame works on, in wei. EIP-1884."""
    # OPERATION
    stack.append(frame.state.get_balance(frame.msg.storage_address))
    return gas


def blobhash(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops i; pushes the versioned hash of the transaction's blob i, 0 past them. EIP-4844."""
    # STACK
    index = stack[-1]
    # OPERATION
    hashes = frame.facts.blob_versioned_hashes
    stack[-1] = int.from_bytes(hashes[index], "big") if index < len(hashes) else 0
    return gas


def _copy(frame: Frame, stack: list[int], gas: int, source: bytes) -> int:
    """The part that all copies into memory share: past the end of the source there are zeros."""
    # STACK
    target, offset, size = stack.pop(), stack.pop(), stack.pop()
    # GAS
    memory = frame.memory
    gas = touch(memory, target, size, gas)
    gas = charge(gas, COPY_WORD * words(size), "a copy into memory")
    # OPERATION
    if size:
        memory[target : target + size] = source[offset : offset + size].ljust(size, b"\x00")
    return gas
