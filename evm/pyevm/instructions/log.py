"""Writing logs, with none to four topics."""

from __future__ import annotations

from eth.exceptions import WriteProtection

from ...gas_prices import LOG_BYTE, LOG_TOPIC
from ..frame import Frame, Instruction
from ..memory import touch
from .gas import charge


def log(topic_count: int) -> Instruction:
    """LOG0 to LOG4."""

    def instruction(frame: Frame, stack: list[int], gas: int) -> int:
        """Pops offset, size and topics; logs that memory. Yellow paper, 0xa0 to 0xa4; EIP-214."""
        # STACK
        offset, size = stack.pop(), stack.pop()
        topics = tuple([stack.pop() for _ in range(topic_count)])
        return write_log(frame, offset, size, topics, gas)

    return instruction


def write_log(frame: Frame, offset: int, size: int, topics: tuple[int, ...], gas: int) -> int:
    """Log a piece of memory; the gas left. Raises OutOfGas and WriteProtection."""
    if frame.msg.is_static:
        raise WriteProtection("write protection")
    # GAS
    gas = charge(gas, LOG_TOPIC * len(topics) + LOG_BYTE * size, "LOG")
    gas = touch(frame.memory, offset, size, gas)
    # OPERATION
    data = bytes(frame.memory[offset : offset + size]) if size else b""
    frame.add_log_entry(frame.msg.storage_address, topics, data)
    return gas
