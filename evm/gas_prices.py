"""Prices in gas (yellow paper, appendix G; EIPs at each). What paying means is the machine's."""

from __future__ import annotations

from typing import Final

ZERO: Final = 0
JUMPDEST: Final = 1
BASE: Final = 2
VERY_LOW: Final = 3
LOW: Final = 5
MID: Final = 8
HIGH: Final = 10
BLOCK_HASH: Final = 20
KECCAK256: Final = 30
WARM: Final = 100
"""An account or a slot that the transaction has met before (EIP-2929); also TLOAD and TSTORE."""
LOG: Final = 375
CREATE: Final = 32_000
SELF_DESTRUCT: Final = 5_000
EXPONENT_BYTE: Final = 50
"""EIP-160."""
KECCAK256_WORD: Final = 6
COPY_WORD: Final = 3
LOG_TOPIC: Final = 375
LOG_BYTE: Final = 8
COLD_SLOT: Final = 2_100
"""EIP-2929."""
COLD_ACCOUNT: Final = 2_600
"""EIP-2929."""
STORAGE_SET: Final = 20_000
"""EIP-2200."""
STORAGE_RESET: Final = 2_900
"""EIP-2200, less the first access of EIP-2929."""
STORAGE_CLEARS_REFUND: Final = 4_800
"""EIP-3529."""
CALL_STIPEND: Final = 2_300
CALL_VALUE: Final = 9_000
NEW_ACCOUNT: Final = 25_000
"""For giving wei to an account that is empty (EIP-161)."""
CODE_BYTE: Final = 200
INIT_CODE_WORD: Final = 2
"""EIP-3860."""
MAX_INIT_CODE_BYTES: Final = 49_152
"""EIP-3860."""
MAX_CODE_BYTES: Final = 24_576
"""EIP-170."""


def memory(words: int) -> int:
    """What so many words of memory cost in all (yellow paper, C_mem)."""
    return 3 * words + (words * words >> 9)


def all_but_one_64th(gas: int) -> int:
    """The most that a frame may hand to one below it (EIP-150)."""
    return gas - gas // 64
