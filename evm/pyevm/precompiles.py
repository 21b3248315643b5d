"""Which addresses run Python instead of bytecode: Ethereum's precompiles and our own.

Ethereum's are py-evm's, but for ecrecover, which uses our secp256k1. Ours are functions over
`Frame`; `frame.py` makes one for each call. On an L1 with plain Ethereum rules the addresses of
ours hold no account, and calling them there does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from eth.vm.forks.prague.computation import PRAGUE_PRECOMPILES

from chain.crypto.secp256k1 import InvalidSignature, Signature, recover
from chain.types import Address, Hash32

from ..precompiles.frame import Native
from .frame import run_native

if TYPE_CHECKING:
    from .computation import Computation

GAS_ECRECOVER: Final = 3000
ECRECOVER: Final = Address(bytes(19) + b"\x01")


def _ecrecover(frame: Computation) -> None:
    """Precompile 0x01: address that signed; no output for an invalid signature."""
    frame.consume_gas(GAS_ECRECOVER, "ecrecover")
    data = frame.msg.data[:128].ljust(128, b"\x00")
    v, r, s = (int.from_bytes(data[start : start + 32], "big") for start in (32, 64, 96))
    if v not in (27, 28):
        return
    try:
        signer = recover(Hash32(data[:32]), Signature(v - 27, r, s), low_s=False)
    except InvalidSignature:
        return
    frame.output = signer.rjust(32, b"\x00")


def _native(run: Native) -> Callable[[Computation], None]:
    def precompile(frame: Computation) -> None:
        run_native(run, frame)

    return precompile


ETHEREUM_PRECOMPILES: Final[dict[Address, Callable[[Any], Any]]] = {
    **{Address(address): run for address, run in PRAGUE_PRECOMPILES.items()},
    ECRECOVER: _ecrecover,
}
"""0x01 to 0x11, on every chain."""


def precompiles_with(natives: Mapping[Address, Native]) -> dict[Address, Callable[[Any], Any]]:
    """Ethereum's precompiles and these natives."""
    return {
        **ETHEREUM_PRECOMPILES,
        **{address: _native(run) for address, run in natives.items()},
    }
