"""Which addresses run Python instead of bytecode: Ethereum's precompiles and our own.

Ethereum's are py-evm's, but for two: ecrecover uses our secp256k1, and point evaluation loads its
trusted setup once (py-evm loads it again in every call, for seconds). Ours are functions over
`Frame`; `frame.py` makes one for each call. On an L1 with plain Ethereum rules the addresses of
ours hold no account, and calling them there does nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import ckzg
from eth.exceptions import VMError
from eth.precompiles.point_evaluation import TRUSTED_SETUP_PATH
from eth.vm.forks.cancun.constants import BLS_MODULUS, FIELD_ELEMENTS_PER_BLOB
from eth.vm.forks.prague.computation import PRAGUE_PRECOMPILES

from chain.crypto.secp256k1 import InvalidSignature, Signature, recover
from chain.types import Address, Hash32

from ..precompiles.frame import Native
from .frame import run_native

if TYPE_CHECKING:
    from .computation import Computation

GAS_ECRECOVER: Final = 3000
GAS_POINT_EVALUATION: Final = 50_000
ECRECOVER: Final = Address(bytes(19) + b"\x01")
POINT_EVALUATION: Final = Address(bytes(19) + b"\x0a")


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


@lru_cache(maxsize=1)
def _trusted_setup() -> object:
    return ckzg.load_trusted_setup(str(TRUSTED_SETUP_PATH), 0)


def _point_evaluation(frame: Computation) -> None:
    """Precompile 0x0a (EIP-4844): is y the value at z of the polynomial that was committed to?"""
    frame.consume_gas(GAS_POINT_EVALUATION, "point evaluation")
    data = frame.msg.data
    if len(data) != 192:
        raise VMError(f"point evaluation: {len(data)} bytes of input, 192 expected")
    z, y, commitment, proof = data[32:64], data[64:96], data[96:144], data[144:]
    if data[:32] != b"\x01" + hashlib.sha256(commitment).digest()[1:]:
        raise VMError("point evaluation: the commitment does not match the versioned hash")
    try:
        holds = ckzg.verify_kzg_proof(commitment, z, y, proof, _trusted_setup())
    except (RuntimeError, ValueError) as error:  # not a point of the curve, or not a field element
        raise VMError(f"point evaluation: {error}") from None
    if not holds:
        raise VMError("point evaluation: the proof does not hold")
    frame.output = FIELD_ELEMENTS_PER_BLOB.to_bytes(32, "big") + BLS_MODULUS.to_bytes(32, "big")


def _native(run: Native) -> Callable[[Computation], None]:
    def precompile(frame: Computation) -> None:
        run_native(run, frame)

    return precompile


ETHEREUM_PRECOMPILES: Final[dict[Address, Callable[[Any], Any]]] = {
    **{Address(address): run for address, run in PRAGUE_PRECOMPILES.items()},
    ECRECOVER: _ecrecover,
    POINT_EVALUATION: _point_evaluation,
}
"""0x01 to 0x11, on every chain."""


def precompiles_with(natives: Mapping[Address, Native]) -> dict[Address, Callable[[Any], Any]]:
    """Ethereum's precompiles and these natives."""
    return {
        **ETHEREUM_PRECOMPILES,
        **{address: _native(run) for address, run in natives.items()},
    }
