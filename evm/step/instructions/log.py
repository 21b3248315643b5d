"""Writing logs, with none to four topics."""

from __future__ import annotations

from ... import gas_prices as gas
from ..machine import Machine
from ..names import NOTHING
from ..state import Then, log_of
from .stack import Instruction
from .storage import require_writable


def log(topic_count: int) -> Instruction:
    """LOG0 to LOG4."""

    def instruction(m: Machine) -> None:
        """Pops offset, size and topics; logs that memory. Yellow paper, 0xa0 to 0xa4; EIP-214."""
        require_writable(m)
        # STACK
        offset, size = m.pop(), m.pop()
        topics = [m.pop() for _ in range(topic_count)]
        # GAS
        m.charge(gas.LOG_TOPIC * topic_count + gas.LOG_BYTE * size)
        m.touch(offset, size)
        # PROGRAM COUNTER
        m.pc += 1
        # OPERATION
        entry = log_of(m.call.address, topics, NOTHING, size)
        if size:
            m.copy_from_memory(Then.LOG, offset, size, entry)
        else:
            m.add_log(entry)

    return instruction
