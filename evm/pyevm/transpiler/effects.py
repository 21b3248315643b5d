"""What the opcodes that are not pure arithmetic take from the stack and put onto it.

Only data; `path.py` turns it into source.
"""

from __future__ import annotations

from typing import Final

ENVIRONMENT: Final[dict[int, str]] = {
    0x30: "from_bytes(message.storage_address)",
    0x32: "from_bytes(frame.facts.origin)",
    0x33: "from_bytes(message.sender)",
    0x34: "message.value",
    0x36: "len(data)",
    0x3A: "frame.facts.gas_price",
    0x41: "from_bytes(frame.state.coinbase)",
    0x42: "frame.state.timestamp",
    0x43: "frame.state.block_number",
    0x44: "frame.state.difficulty",
    0x45: "frame.state.gas_limit",
    0x46: "frame.state.chain_id",
    0x48: "frame.state.base_fee",
    0x4A: "frame.state.blob_base_fee",
}
"""Words that stay the same as long as the frame runs."""

EFFECTS: Final[dict[int, tuple[int, int]]] = {
    0x31: (1, 1),
    0x37: (3, 0),
    0x39: (3, 0),
    0x3B: (1, 1),
    0x3C: (4, 0),
    0x3E: (3, 0),
    0x3F: (1, 1),
    0x40: (1, 1),
    0x47: (0, 1),
    0x49: (1, 1),
    0x5D: (2, 0),
    0x5E: (3, 0),
    **{0xA0 + topics: (2 + topics, 0) for topics in range(5)},
    0xF0: (3, 1),
    0xF1: (7, 1),
    0xF2: (7, 1),
    0xF4: (6, 1),
    0xF5: (4, 1),
    0xFA: (6, 1),
}
"""Run by a function of `instructions/`: words taken and given."""

MEMORY_WRITERS: Final = frozenset({0x37, 0x39, 0x3C, 0x3E, 0x5E, 0xF1, 0xF2, 0xF4, 0xFA})

FRAMES: Final = frozenset({0xF0, 0xF1, 0xF2, 0xF4, 0xF5, 0xFA})
RUN_ENDS: Final = frozenset({0x3E, 0x55, 0x5A, 0x5D, *range(0xA0, 0xA5), *FRAMES})
"""Behind these a new run of gas begins: they can fail otherwise than for gas, or pass gas on."""
