"""The less common opcodes, one small function each: `(frame, stack, gas) -> gas left`.

Each pops from and pushes to the frame's int stack; static gas is already paid when it starts, and
the loop checks the stack limit after it. Costs: yellow paper, EIP-1153, 2200, 2929, 3529, 5656.
It knows neither the loop nor py-evm's opcode objects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from eth.exceptions import OutOfBoundsRead, OutOfGas, WriteProtection

from chain.crypto.keccak import keccak256

from .memory import grow, touch

if TYPE_CHECKING:
    from .computation import Computation

Instruction = Callable[["Computation", list[int], int], int]

MASK: Final = 2**256 - 1
SIGN: Final = 2**255
CEILING: Final = 2**256

COLD_SLOAD: Final = 2100
WARM_READ: Final = 100
SSTORE_SET: Final = 20_000
SSTORE_RESET: Final = 2_900
SSTORE_STIPEND: Final = 2_300


def _signed(value: int) -> int:
    return value - CEILING if value & SIGN else value


def _sdiv(_frame: Computation, stack: list[int], gas: int) -> int:
    left, right = _signed(stack.pop()), _signed(stack[-1])
    if right == 0:
        stack[-1] = 0
    else:
        quotient = abs(left) // abs(right)
        stack[-1] = (-quotient if (left < 0) != (right < 0) else quotient) & MASK
    return gas


def _smod(_frame: Computation, stack: list[int], gas: int) -> int:
    left, right = _signed(stack.pop()), _signed(stack[-1])
    if right == 0:
        stack[-1] = 0
    else:
        rest = abs(left) % abs(right)
        stack[-1] = (-rest if left < 0 else rest) & MASK
    return gas


def _addmod(_frame: Computation, stack: list[int], gas: int) -> int:
    left, right = stack.pop(), stack.pop()
    modulus = stack[-1]
    stack[-1] = (left + right) % modulus if modulus else 0
    return gas


def _mulmod(_frame: Computation, stack: list[int], gas: int) -> int:
    left, right = stack.pop(), stack.pop()
    modulus = stack[-1]
    stack[-1] = (left * right) % modulus if modulus else 0
    return gas


def _exp(_frame: Computation, stack: list[int], gas: int) -> int:
    base, exponent = stack.pop(), stack[-1]
    gas -= 50 * ((exponent.bit_length() + 7) // 8)
    if gas < 0:
        raise OutOfGas("out of gas: EXP")
    stack[-1] = pow(base, exponent, CEILING)
    return gas


def _signextend(_frame: Computation, stack: list[int], gas: int) -> int:
    byte, value = stack.pop(), stack[-1]
    if byte < 31:
        sign = 1 << (8 * byte + 7)
        stack[-1] = value | (CEILING - sign) if value & sign else value & (sign - 1)
    return gas


def _slt(_frame: Computation, stack: list[int], gas: int) -> int:
    left = stack.pop() ^ SIGN
    stack[-1] = 1 if left < stack[-1] ^ SIGN else 0
    return gas


def _sgt(_frame: Computation, stack: list[int], gas: int) -> int:
    left = stack.pop() ^ SIGN
    stack[-1] = 1 if left > stack[-1] ^ SIGN else 0
    return gas


def _byte(_frame: Computation, stack: list[int], gas: int) -> int:
    position = stack.pop()
    stack[-1] = (stack[-1] >> (8 * (31 - position))) & 0xFF if position < 32 else 0
    return gas


def _sar(_frame: Computation, stack: list[int], gas: int) -> int:
    shift = stack.pop()
    stack[-1] = (_signed(stack[-1]) >> min(shift, 256)) & MASK
    return gas


def _keccak256(frame: Computation, stack: list[int], gas: int) -> int:
    offset, size = stack.pop(), stack[-1]
    gas = touch(frame.memory, offset, size, gas) - 6 * ((size + 31) // 32)
    if gas < 0:
        raise OutOfGas("out of gas: KECCAK256")
    data = bytes(frame.memory[offset : offset + size]) if size else b""
    stack[-1] = int.from_bytes(keccak256(data), "big")
    return gas


def _address(frame: Computation, stack: list[int], gas: int) -> int:
    stack.append(int.from_bytes(frame.msg.storage_address, "big"))
    return gas


def _origin(frame: Computation, stack: list[int], gas: int) -> int:
    stack.append(int.from_bytes(frame.transaction_context.origin, "big"))
    return gas


def _caller(frame: Computation, stack: list[int], gas: int) -> int:
    stack.append(int.from_bytes(frame.msg.sender, "big"))
    return gas


def _callvalue(frame: Computation, stack: list[int], gas: int) -> int:
    stack.append(frame.msg.value)
    return gas


def _calldataload(frame: Computation, stack: list[int], gas: int) -> int:
    offset = stack[-1]
    word = frame.msg.data[offset : offset + 32]
    stack[-1] = int.from_bytes(word, "big") << (8 * (32 - len(word)))
    return gas


def _calldatasize(frame: Computation, stack: list[int], gas: int) -> int:
    stack.append(len(frame.msg.data))
    return gas


def _codesize(frame: Computation, stack: list[int], gas: int) -> int:
    stack.append(len(frame.msg.code))
    return gas


def _gasprice(frame: Computation, stack: list[int], gas: int) -> int:
    stack.append(frame.transaction_context.gas_price)
    return gas


def _returndatasize(frame: Computation, stack: list[int], gas: int) -> int:
    stack.append(len(frame.return_data))
    return gas


def _copy(memory: bytearray, stack: list[int], gas: int, source: bytes, what: str) -> int:
    """Shared part of the copies into memory: reading past the end of the source gives zeros."""
    target, offset, size = stack.pop(), stack.pop(), stack.pop()
    gas = touch(memory, target, size, gas) - 3 * ((size + 31) // 32)
    if gas < 0:
        raise OutOfGas(f"out of gas: {what}")
    if size:
        memory[target : target + size] = source[offset : offset + size].ljust(size, b"\x00")
    return gas


def _calldatacopy(frame: Computation, stack: list[int], gas: int) -> int:
    return _copy(frame.memory, stack, gas, frame.msg.data, "CALLDATACOPY")


def _codecopy(frame: Computation, stack: list[int], gas: int) -> int:
    return _copy(frame.memory, stack, gas, frame.msg.code, "CODECOPY")


def _returndatacopy(frame: Computation, stack: list[int], gas: int) -> int:
    end = stack[-2] + stack[-3]
    if end > len(frame.return_data):
        raise OutOfBoundsRead(f"return data out of bounds: {end} > {len(frame.return_data)}")
    return _copy(frame.memory, stack, gas, frame.return_data, "RETURNDATACOPY")


def _coinbase(frame: Computation, stack: list[int], gas: int) -> int:
    stack.append(int.from_bytes(frame.state.coinbase, "big"))
    return gas


def _timestamp(frame: Computation, stack: list[int], gas: int) -> int:
    stack.append(frame.state.timestamp)
    return gas


def _number(frame: Computation, stack: list[int], gas: int) -> int:
    stack.append(frame.state.block_number)
    return gas


def _prevrandao(frame: Computation, stack: list[int], gas: int) -> int:
    stack.append(int.from_bytes(frame.state.mix_hash, "big"))
    return gas


def _gaslimit(frame: Computation, stack: list[int], gas: int) -> int:
    stack.append(frame.state.gas_limit)
    return gas


def _chainid(frame: Computation, stack: list[int], gas: int) -> int:
    stack.append(frame.state.chain_id)
    return gas


def _selfbalance(frame: Computation, stack: list[int], gas: int) -> int:
    stack.append(frame.state.get_balance(frame.msg.storage_address))
    return gas


def _basefee(frame: Computation, stack: list[int], gas: int) -> int:
    stack.append(frame.state.base_fee)
    return gas


def _mstore8(frame: Computation, stack: list[int], gas: int) -> int:
    offset, value = stack.pop(), stack.pop()
    gas = touch(frame.memory, offset, 1, gas)
    frame.memory[offset] = value & 0xFF
    return gas


def _msize(frame: Computation, stack: list[int], gas: int) -> int:
    stack.append(len(frame.memory))
    return gas


def _mcopy(frame: Computation, stack: list[int], gas: int) -> int:
    target, source, size = stack.pop(), stack.pop(), stack.pop()
    memory = frame.memory
    end = max(target, source) + size
    if size and end > len(memory):
        gas = grow(memory, end, gas)
    gas -= 3 * ((size + 31) // 32)
    if gas < 0:
        raise OutOfGas("out of gas: MCOPY")
    if size:
        memory[target : target + size] = memory[source : source + size]
    return gas


def read_storage(frame: Computation, slot: int, gas: int) -> tuple[int, int]:
    """SLOAD of EIP-2929: the value and the gas left. Raises OutOfGas."""
    state, address = frame.state, frame.msg.storage_address
    if state.is_storage_warm(address, slot):
        gas -= WARM_READ
    else:
        state.mark_storage_warm(address, slot)
        gas -= COLD_SLOAD
    if gas < 0:
        raise OutOfGas("out of gas: SLOAD")
    return state.get_storage(address, slot), gas


def write_storage(frame: Computation, slot: int, value: int, gas: int) -> int:
    """SSTORE of EIP-2200, 2929 and 3529: writes, counts refunds and returns the gas left.

    Raises OutOfGas (also where only the stipend of 2300 is left) and WriteProtection.
    """
    if frame.msg.is_static:
        raise WriteProtection("write protection")
    if gas <= SSTORE_STIPEND:
        raise OutOfGas(f"out of gas: SSTORE with {gas} gas, more than 2300 wanted")
    state, address = frame.state, frame.msg.storage_address
    current = state.get_storage(address, slot)
    original = state.get_original_storage(address, slot)
    cost = 0
    if not state.is_storage_warm(address, slot):
        state.mark_storage_warm(address, slot)
        cost = COLD_SLOAD
    if current != value and original == current:
        cost += SSTORE_SET if original == 0 else SSTORE_RESET
    else:
        cost += WARM_READ
    if cost > gas:
        raise OutOfGas(f"out of gas: SSTORE costs {cost}, {gas} left")
    if current != value:
        clears = frame.storage_clears_refund
        frame.meter.gas_refunded += storage_refund(original, current, value, clears)
        state.set_storage(address, slot, value)
    return gas - cost


def storage_refund(original: int, current: int, value: int, clears: int) -> int:
    """What writing `value` over `current` adds to the refund counter (EIP-2200), or takes off.

    `clears` is what clearing a slot gives back.
    """
    if original == current:
        return clears if original and not value else 0
    refund = 0
    if original:
        refund += clears if not value else 0
        refund -= clears if not current else 0
    if original == value:
        refund += (SSTORE_RESET if original else SSTORE_SET) - WARM_READ
    return refund


def _sload(frame: Computation, stack: list[int], gas: int) -> int:
    stack[-1], gas = read_storage(frame, stack[-1], gas)
    return gas


def _sstore(frame: Computation, stack: list[int], gas: int) -> int:
    slot, value = stack.pop(), stack.pop()
    return write_storage(frame, slot, value, gas)


def _tload(frame: Computation, stack: list[int], gas: int) -> int:
    stack[-1] = frame.state.get_transient(frame.msg.storage_address, stack[-1])
    return gas


def _tstore(frame: Computation, stack: list[int], gas: int) -> int:
    if frame.msg.is_static:
        raise WriteProtection("write protection")
    slot, value = stack.pop(), stack.pop()
    frame.state.set_transient(frame.msg.storage_address, slot, value)
    return gas


def _log(topic_count: int) -> Instruction:
    def instruction(frame: Computation, stack: list[int], gas: int) -> int:
        if frame.msg.is_static:
            raise WriteProtection("write protection")
        offset, size = stack.pop(), stack.pop()
        topics = tuple([stack.pop() for _ in range(topic_count)])
        gas -= 375 * topic_count + 8 * size
        gas = touch(frame.memory, offset, size, gas)
        if gas < 0:
            raise OutOfGas("out of gas: LOG")
        data = bytes(frame.memory[offset : offset + size]) if size else b""
        frame.add_log_entry(frame.msg.storage_address, topics, data)
        return gas

    return instruction


def _table() -> tuple[Instruction | None, ...]:
    named: dict[int, Instruction] = {
        0x05: _sdiv,
        0x07: _smod,
        0x08: _addmod,
        0x09: _mulmod,
        0x0A: _exp,
        0x0B: _signextend,
        0x12: _slt,
        0x13: _sgt,
        0x1A: _byte,
        0x1D: _sar,
        0x20: _keccak256,
        0x30: _address,
        0x32: _origin,
        0x33: _caller,
        0x34: _callvalue,
        0x35: _calldataload,
        0x36: _calldatasize,
        0x37: _calldatacopy,
        0x38: _codesize,
        0x39: _codecopy,
        0x3A: _gasprice,
        0x3D: _returndatasize,
        0x3E: _returndatacopy,
        0x41: _coinbase,
        0x42: _timestamp,
        0x43: _number,
        0x44: _prevrandao,
        0x45: _gaslimit,
        0x46: _chainid,
        0x47: _selfbalance,
        0x48: _basefee,
        0x53: _mstore8,
        0x54: _sload,
        0x55: _sstore,
        0x59: _msize,
        0x5C: _tload,
        0x5D: _tstore,
        0x5E: _mcopy,
        **{0xA0 + count: _log(count) for count in range(5)},
    }
    return tuple([named.get(opcode) for opcode in range(256)])


INSTRUCTIONS: Final = _table()
"""By opcode; None where the loop itself or py-evm runs it."""
