"""Which addresses run Python instead of bytecode: Ethereum's precompiles and our own.

SHA-256, RIPEMD-160 and identity are py-evm's. The others are ours over quick libraries, so that no
input stands out by the time it takes for its gas (docs/adr/0009): `chain/crypto` for ecrecover and
P-256, ckzg for point evaluation, `revm.py` for MODEXP and bn254, blake2b for BLAKE2,
`bls12_381.py` for the rest. Our natives are functions over a frame; `native_frame.py` makes one
for each call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

import ckzg
from blake2b import decode_and_compress
from eth.exceptions import VMError
from eth.precompiles.bls12_381.constants import G1_MSM_DISCOUNTS, G2_MSM_DISCOUNTS
from eth.precompiles.point_evaluation import TRUSTED_SETUP_PATH
from eth.vm.forks.cancun.constants import BLS_MODULUS, FIELD_ELEMENTS_PER_BLOB
from eth.vm.forks.frontier.computation import FRONTIER_PRECOMPILES

from chain.crypto.p256 import verify_p256
from chain.crypto.secp256k1 import InvalidSignature, Signature, recover
from chain.types import Address, Hash32

from ..precompiles.frame import Native
from . import bls12_381
from .frame import Frame
from .native_frame import run_native
from .revm import run_precompile

Precompile: TypeAlias = Callable[[Any], Any]
PrecompileTable: TypeAlias = dict[Address, Precompile]


def _address(number: int) -> Address:
    return Address(number.to_bytes(20, "big"))


GAS_ECRECOVER: Final = 3000
GAS_POINT_EVALUATION: Final = 50_000
MAX_MODEXP_BYTES: Final = 1024
BLAKE2F_BYTES: Final = 213
ECRECOVER: Final = _address(0x01)
MODEXP: Final = _address(0x05)
BN254_ADD: Final = _address(0x06)
BN254_MUL: Final = _address(0x07)
BN254_PAIRING: Final = _address(0x08)
BLAKE2F: Final = _address(0x09)
POINT_EVALUATION: Final = _address(0x0A)
BLS_G1_ADD: Final = _address(0x0B)
BLS_G1_MSM: Final = _address(0x0C)
BLS_G2_ADD: Final = _address(0x0D)
BLS_G2_MSM: Final = _address(0x0E)
BLS_PAIRING: Final = _address(0x0F)
BLS_MAP_TO_G1: Final = _address(0x10)
BLS_MAP_TO_G2: Final = _address(0x11)
P256VERIFY: Final = _address(0x100)


def _ecrecover(frame: Frame) -> None:
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


def _point_evaluation(frame: Frame) -> None:
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


@dataclass(frozen=True, slots=True)
class _ModularLengths:
    """Lengths in bytes that the input of MODEXP states, and the head of its exponent."""

    base: int
    exponent: int
    modulus: int
    exponent_head: int

    @property
    def iterations_at_least(self) -> int:
        """Bits of the head of the exponent below its highest."""
        return max(self.exponent_head.bit_length() - 1, 0)

    @property
    def is_light(self) -> bool:
        """Whether Python's own power takes less time than the way to revm and back."""
        longest, bits = max(self.base, self.modulus), self.exponent_head.bit_length()
        is_short = self.exponent <= 32 and longest <= MAX_MODEXP_BYTES
        return is_short and (bits <= 2 or bits * longest <= 256)


def _light_power(data: bytes, lengths: _ModularLengths) -> bytes:
    """Base to the power of the exponent modulo the modulus, zeros past the end of the input."""
    start = 96 + lengths.base + lengths.exponent
    numbers = data[: start + lengths.modulus].ljust(start + lengths.modulus, b"\x00")
    base = int.from_bytes(numbers[96 : 96 + lengths.base], "big")
    modulus = int.from_bytes(numbers[start:], "big")
    power = pow(base, lengths.exponent_head, modulus) if modulus else 0
    return power.to_bytes(lengths.modulus, "big")


def _modular_lengths(data: bytes) -> _ModularLengths:
    words = data[:96].ljust(96, b"\x00")
    base, exponent, modulus = (int.from_bytes(words[at : at + 32], "big") for at in (0, 32, 64))
    size = min(exponent, 32)
    head = data[96 + base : 96 + base + size].ljust(size, b"\x00")
    return _ModularLengths(base, exponent, modulus, int.from_bytes(head, "big"))


def _modexp_gas_byzantium(lengths: _ModularLengths) -> int:
    """EIP-198."""
    longest = max(lengths.base, lengths.modulus)
    if longest <= 64:
        complexity = longest**2
    elif longest <= 1024:
        complexity = longest**2 // 4 + 96 * longest - 3_072
    else:
        complexity = longest**2 // 16 + 480 * longest - 199_680
    iterations = 8 * max(lengths.exponent - 32, 0) + lengths.iterations_at_least
    return complexity * max(iterations, 1) // 20


def _modexp_gas_berlin(lengths: _ModularLengths) -> int:
    """EIP-2565."""
    complexity = ((max(lengths.base, lengths.modulus) + 7) // 8) ** 2
    iterations = 8 * max(lengths.exponent - 32, 0) + lengths.iterations_at_least
    return max(200, complexity * max(iterations, 1) // 3)


def _modexp_gas_osaka(lengths: _ModularLengths) -> int:
    """EIP-7883, with the bound of EIP-7823. Raises VMError."""
    if max(lengths.base, lengths.exponent, lengths.modulus) > MAX_MODEXP_BYTES:
        raise VMError(f"modexp: an input is longer than {MAX_MODEXP_BYTES} bytes")
    longest = max(lengths.base, lengths.modulus)
    complexity = 2 * ((longest + 7) // 8) ** 2 if longest > 32 else 16
    iterations = 16 * max(lengths.exponent - 32, 0) + lengths.iterations_at_least
    return max(500, complexity * max(iterations, 1))


def _modexp(gas_of: Callable[[_ModularLengths], int]) -> Precompile:
    """Precompile 0x05 (EIP-198) at a fork's price: base ** exponent % modulus; 0 modulo 0."""

    def precompile(frame: Frame) -> None:
        data = frame.msg.data
        lengths = _modular_lengths(data)
        frame.consume_gas(gas_of(lengths), "modexp")
        if lengths.is_light:
            frame.output = _light_power(data, lengths)
        else:
            frame.output = run_precompile(0x05, data, "modexp")

    return precompile


def _bn254(number: int, name: str, gas: int, gas_per_pair: int = 0) -> Precompile:
    """Precompiles 0x06 to 0x08 (EIP-196, 197) at a fork's prices; a pair is 192 bytes."""

    def precompile(frame: Frame) -> None:
        data = frame.msg.data
        frame.consume_gas(gas + gas_per_pair * (len(data) // 192), name)
        frame.output = run_precompile(number, data, name)

    return precompile


def _blake2f(frame: Frame) -> None:
    """Precompile 0x09 (EIP-152): BLAKE2b's compression, one gas a round."""
    data = frame.msg.data
    if len(data) != BLAKE2F_BYTES:
        raise VMError(f"blake2f: {len(data)} bytes of input, {BLAKE2F_BYTES} expected")
    frame.consume_gas(int.from_bytes(data[:4], "big"), "blake2f")
    try:
        frame.output = decode_and_compress(data)
    except ValueError as error:  # the last byte is neither 0 nor 1
        raise VMError(f"blake2f: {error}") from None


def _bls(run: Callable[[bytes], bytes], gas_of: Callable[[int], int]) -> Precompile:
    """Precompiles 0x0b to 0x11 (EIP-2537); gas goes by the length of the input."""

    def precompile(frame: Frame) -> None:
        data = frame.msg.data
        frame.consume_gas(gas_of(len(data)), "BLS12-381")
        frame.output = run(data)

    return precompile


def _msm_gas(term_bytes: int, gas: int, discounts: Sequence[int]) -> Callable[[int], int]:
    """Price of a sum of so many terms: discounts are in thousandths, the last one holds on."""

    def gas_of(size: int) -> int:
        terms = size // term_bytes
        return terms * gas * discounts[min(max(terms, 1), len(discounts)) - 1] // 1_000

    return gas_of


def _p256_verify(gas: int) -> Precompile:
    """Precompile 0x100 (EIP-7951, RIP-7212): 1 for a valid P-256 signature, else no output."""

    def precompile(frame: Frame) -> None:
        frame.consume_gas(gas, "p256verify")
        data = frame.msg.data
        if len(data) == 160 and verify_p256(data):
            frame.output = (1).to_bytes(32, "big")

    return precompile


def _limited(precompile: Precompile, limit_bytes: int) -> Precompile:
    """The same for input of at most that many bytes; more fails, as on the OP Stack's L2s."""

    def limited(frame: Frame) -> None:
        if len(frame.msg.data) > limit_bytes:
            raise VMError(f"bad input of {len(frame.msg.data)} bytes, {limit_bytes} at most")
        precompile(frame)

    return limited


def _native(run: Native) -> Precompile:
    def precompile(frame: Frame) -> None:
        run_native(run, frame)

    return precompile


def native_precompiles(natives: Mapping[Address, Native]) -> PrecompileTable:
    """Natives with the face of precompiles."""
    return {address: _native(run) for address, run in natives.items()}


FRONTIER: Final[PrecompileTable] = {
    **{Address(address): run for address, run in FRONTIER_PRECOMPILES.items()},
    ECRECOVER: _ecrecover,
}
"""0x01 to 0x04."""
BYZANTIUM: Final[PrecompileTable] = {
    **FRONTIER,
    MODEXP: _modexp(_modexp_gas_byzantium),
    BN254_ADD: _bn254(0x06, "ecAdd", 500),
    BN254_MUL: _bn254(0x07, "ecMul", 40_000),
    BN254_PAIRING: _bn254(0x08, "ecPairing", 100_000, gas_per_pair=80_000),
}
"""0x01 to 0x08."""
ISTANBUL: Final[PrecompileTable] = {
    **BYZANTIUM,
    BN254_ADD: _bn254(0x06, "ecAdd", 150),
    BN254_MUL: _bn254(0x07, "ecMul", 6_000),
    BN254_PAIRING: _bn254(0x08, "ecPairing", 45_000, gas_per_pair=34_000),
    BLAKE2F: _blake2f,
}
"""0x01 to 0x09, with the prices of EIP-1108."""
BERLIN: Final[PrecompileTable] = {**ISTANBUL, MODEXP: _modexp(_modexp_gas_berlin)}
CANCUN: Final[PrecompileTable] = {**BERLIN, POINT_EVALUATION: _point_evaluation}
PRAGUE: Final[PrecompileTable] = {
    **CANCUN,
    BLS_G1_ADD: _bls(bls12_381.g1_add, lambda _size: 375),
    BLS_G1_MSM: _bls(bls12_381.g1_msm, _msm_gas(160, 12_000, G1_MSM_DISCOUNTS)),
    BLS_G2_ADD: _bls(bls12_381.g2_add, lambda _size: 600),
    BLS_G2_MSM: _bls(bls12_381.g2_msm, _msm_gas(288, 22_500, G2_MSM_DISCOUNTS)),
    BLS_PAIRING: _bls(bls12_381.pairing_check, lambda size: 37_700 + 32_600 * (size // 384)),
    BLS_MAP_TO_G1: _bls(bls12_381.map_to_g1, lambda _size: 5_500),
    BLS_MAP_TO_G2: _bls(bls12_381.map_to_g2, lambda _size: 23_800),
}
"""0x01 to 0x11."""
OSAKA: Final[PrecompileTable] = {
    **PRAGUE,
    MODEXP: _modexp(_modexp_gas_osaka),
    P256VERIFY: _p256_verify(6_900),
}

# What the OP Stack's forks change (specs: protocol/precompiles.md).
FJORD_DELTA: Final[PrecompileTable] = {P256VERIFY: _p256_verify(3_450)}
GRANITE_DELTA: Final[PrecompileTable] = {BN254_PAIRING: _limited(CANCUN[BN254_PAIRING], 112_687)}
ISTHMUS_DELTA: Final[PrecompileTable] = {
    BLS_G1_MSM: _limited(PRAGUE[BLS_G1_MSM], 513_760),
    BLS_G2_MSM: _limited(PRAGUE[BLS_G2_MSM], 488_448),
    BLS_PAIRING: _limited(PRAGUE[BLS_PAIRING], 235_008),
}
JOVIAN_DELTA: Final[PrecompileTable] = {
    BN254_PAIRING: _limited(CANCUN[BN254_PAIRING], 81_984),
    BLS_G1_MSM: _limited(PRAGUE[BLS_G1_MSM], 288_960),
    BLS_G2_MSM: _limited(PRAGUE[BLS_G2_MSM], 278_784),
    BLS_PAIRING: _limited(PRAGUE[BLS_PAIRING], 156_672),
}
KARST_DELTA: Final[PrecompileTable] = {
    MODEXP: OSAKA[MODEXP],
    BN254_PAIRING: _limited(CANCUN[BN254_PAIRING], 57_600),
    P256VERIFY: OSAKA[P256VERIFY],
}
