"""What surrounds a frame: its call, its code, the transaction, and other accounts."""

from __future__ import annotations

from ... import gas_prices as gas
from ..accounts import account_of, code_of, pay_access
from ..errors import ExceptionalHalt
from ..machine import Machine
from ..names import Name
from ..state import Source
from ..structures.words import data_depth, depth_of, read_word, words_in
from .numbers import address_in, word_of


def address(m: Machine) -> None:
    """Pushes the account that the frame works on. Yellow paper, 0x30."""
    # OPERATION
    m.push(word_of(m.call.address))
    # PROGRAM COUNTER
    m.pc += 1


def balance(m: Machine) -> None:
    """Pops an address; pushes its balance in wei. Yellow paper, 0x31; EIP-2929."""
    # STACK
    address = address_in(m.pop())
    # GAS
    account = pay_access(m, address)
    # OPERATION
    m.push(account.balance)
    # PROGRAM COUNTER
    m.pc += 1


def origin(m: Machine) -> None:
    """Pushes who signed the transaction. Yellow paper, 0x32."""
    # OPERATION
    m.push(word_of(m.transaction.origin))
    # PROGRAM COUNTER
    m.pc += 1


def caller(m: Machine) -> None:
    """Pushes who called this frame. Yellow paper, 0x33."""
    # OPERATION
    m.push(word_of(m.call.caller))
    # PROGRAM COUNTER
    m.pc += 1


def callvalue(m: Machine) -> None:
    """Pushes the wei that came with the call. Yellow paper, 0x34."""
    # OPERATION
    m.push(m.call.value)
    # PROGRAM COUNTER
    m.pc += 1


def calldataload(m: Machine) -> None:
    """Pops an offset; pushes the word there in the call data, zeros past its end. Y.p., 0x35."""
    # STACK
    offset = m.pop()
    # OPERATION
    call = m.call
    m.push(word_of(_word_at(m, call.calldata, call.calldata_length, offset)))
    # PROGRAM COUNTER
    m.pc += 1


def _word_at(m: Machine, data: Name, length: int, offset: int) -> bytes:
    """32 bytes of a data; only words that it has are opened."""
    if offset >= length:
        return b""
    depth, index, start = data_depth(length), offset >> 5, offset & 31
    word = read_word(m.opener, data, depth, index)
    if start and index + 1 < words_in(length):
        word += read_word(m.opener, data, depth, index + 1)
    return word[start : start + 32].ljust(32, b"\x00")


def calldatasize(m: Machine) -> None:
    """Pushes the length of the call data. Yellow paper, 0x36."""
    # OPERATION
    m.push(m.call.calldata_length)
    # PROGRAM COUNTER
    m.pc += 1


def calldatacopy(m: Machine) -> None:
    """Pops target, offset and size; copies call data into memory. Yellow paper, 0x37."""
    # STACK
    operands = m.pop(), m.pop(), m.pop()
    _copy(m, operands, Source.WORDS, m.call.calldata, m.call.calldata_length)


def codesize(m: Machine) -> None:
    """Pushes the length of the code that runs. Yellow paper, 0x38."""
    # OPERATION
    m.push(m.code_length)
    # PROGRAM COUNTER
    m.pc += 1


def codecopy(m: Machine) -> None:
    """Pops target, offset and size; copies the code that runs into memory. Yellow paper, 0x39."""
    # STACK
    operands = m.pop(), m.pop(), m.pop()
    _copy(m, operands, Source.CODE, m.code, m.code_length)


def gasprice(m: Machine) -> None:
    """Pushes what the transaction pays for a unit of gas, in wei. Yellow paper, 0x3a."""
    # OPERATION
    m.push(m.transaction.gas_price)
    # PROGRAM COUNTER
    m.pc += 1


def extcodesize(m: Machine) -> None:
    """Pops an address; pushes the length of its code. Yellow paper, 0x3b; EIP-2929."""
    # STACK
    address = address_in(m.pop())
    # GAS
    account = pay_access(m, address)
    # OPERATION
    _, length = code_of(m, address, account)
    m.push(length)
    # PROGRAM COUNTER
    m.pc += 1


def extcodecopy(m: Machine) -> None:
    """Pops an address, target, offset and size; copies its code. Yellow paper, 0x3c; EIP-2929."""
    # STACK
    address = address_in(m.pop())
    operands = m.pop(), m.pop(), m.pop()
    # GAS
    account = pay_access(m, address)
    # OPERATION
    code, length = code_of(m, address, account)
    _copy(m, operands, Source.CODE, code, length)


def returndatasize(m: Machine) -> None:
    """Pushes the length of what the last call gave back. EIP-211."""
    # OPERATION
    m.push(m.return_data_length)
    # PROGRAM COUNTER
    m.pc += 1


def returndatacopy(m: Machine) -> None:
    """Pops target, offset and size; copies what the last call gave back, no more. EIP-211."""
    # STACK
    target, offset, size = m.pop(), m.pop(), m.pop()
    if offset + size > m.return_data_length:
        raise ExceptionalHalt("return data out of bounds")
    _copy(m, (target, offset, size), Source.WORDS, m.return_data, m.return_data_length)


def extcodehash(m: Machine) -> None:
    """Pops an address; pushes the hash of its code, 0 for an empty account. EIP-1052, 2929."""
    # STACK
    address = address_in(m.pop())
    # GAS
    account = pay_access(m, address)
    # OPERATION
    m.push(0 if account.is_empty else word_of(account.code_hash))
    # PROGRAM COUNTER
    m.pc += 1


def selfbalance(m: Machine) -> None:
    """Pushes the balance of the account that the frame works on, in wei. EIP-1884."""
    # OPERATION
    m.push(account_of(m, m.call.address).balance)
    # PROGRAM COUNTER
    m.pc += 1


def blobhash(m: Machine) -> None:
    """Pops i; pushes the versioned hash of the transaction's blob i, 0 past them. EIP-4844."""
    # STACK
    index = m.pop()
    # OPERATION
    transaction, found = m.transaction, 0
    if index < transaction.blob_count:
        depth = depth_of(transaction.blob_count)
        found = word_of(read_word(m.opener, transaction.blob_hashes, depth, index))
    m.push(found)
    # PROGRAM COUNTER
    m.pc += 1


def _copy(
    m: Machine, operands: tuple[int, int, int], kind: Source, source: Name, length: int
) -> None:
    """The part that all copies into memory share: past the end of the source there are zeros."""
    target, offset, size = operands
    # GAS
    m.touch(target, size)
    m.charge(gas.COPY_WORD * words_in(size))
    # PROGRAM COUNTER
    m.pc += 1
    # OPERATION
    m.copy_to_memory(kind, source, length, offset, target, size)
