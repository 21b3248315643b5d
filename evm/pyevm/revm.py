"""The door to revm: what its precompiles make of some bytes.

bn254 takes hundreds of times longer in pure Python than its gas is worth, and no kept Python
package has it alone; modular powers gain a factor of three. Every call gets a
machine of its own, which costs less than two microseconds and keeps nothing. Gas is taken before,
by `precompiles.py`.
"""

from __future__ import annotations

from typing import Final

from eth.exceptions import VMError
from pyrevm import EVM

SPEC: Final = "PRAGUE"
CALLER: Final = "0x" + 20 * "ca"
ENOUGH_GAS: Final = 2**62
"""More than any input that was paid for can cost."""


def run_precompile(number: int, data: bytes, what: str) -> bytes:
    """Output of the precompile at that address. Raises VMError for input that it refuses."""
    try:
        output: bytes = EVM(spec_id=SPEC).message_call(
            CALLER, f"0x{number:040x}", calldata=data, gas=ENOUGH_GAS
        )
    except RuntimeError:  # revm: PrecompileError
        raise VMError(f"{what}: bad input of {len(data)} bytes") from None
    return output
