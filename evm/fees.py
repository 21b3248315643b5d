"""What a transaction pays: base fee, blob base fee, the L2's data fee (Fjord) and operator fee.

Pure arithmetic on integers: wei per gas, wei, bytes. Sources: EIP-1559, EIP-4844 with EIP-7691;
specs holocene/exec-engine.md (base fee parameters in extraData), fjord/exec-engine.md (FastLZ data
fee), isthmus/exec-engine.md (operator fee). Who pays and who is paid is in `transition.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from chain.block import Header
from chain.errors import StemmaError
from chain.types import Address
from genesis.addresses import L1_BLOCK
from genesis.config import ChainConfig

GAS_PER_BLOB: Final = 2**17
TARGET_BLOB_GAS: Final = 6 * GAS_PER_BLOB
MAX_BLOB_GAS: Final = 9 * GAS_PER_BLOB
BLOB_BASE_FEE_FRACTION: Final = 5_007_716

HOLOCENE_EXTRA_DATA_BYTES: Final = 9

FJORD_INTERCEPT: Final = -42_585_600
FJORD_FASTLZ_COEFFICIENT: Final = 836_500
FJORD_MIN_SIZE: Final = 100_000_000
"""Smallest size that is charged, in millionths of a byte: 100 bytes."""

# Storage layout of the L1Block predeploy, as op-geth reads it (core/types/rollup_cost.go).
_SLOT_L1_BASE_FEE: Final = 1
_SLOT_SCALARS: Final = 3
_SLOT_L1_BLOB_BASE_FEE: Final = 7
_SLOT_OPERATOR_FEE: Final = 8
_MAX_DISTANCE: Final = 8191
_CACHED_LENGTH: Final = 1024
_LARGEST_MINIMAL_SIZE: Final = (FJORD_MIN_SIZE - FJORD_INTERCEPT) // FJORD_FASTLZ_COEFFICIENT
"""A transaction that FastLZ leaves with this many bytes or fewer pays for 100."""
_UINT32: Final = 2**32 - 1
_UINT64: Final = 2**64 - 1


class InvalidExtraData(StemmaError):
    """The extraData of an L2 header does not hold base fee parameters as Holocene wants them."""


def encode_eip1559_params(denominator: int, elasticity: int) -> bytes:
    """Holocene extraData: a version byte 0, then denominator and elasticity as uint32."""
    return b"\x00" + denominator.to_bytes(4, "big") + elasticity.to_bytes(4, "big")


def decode_eip1559_params(extra_data: bytes) -> tuple[int, int]:
    """Denominator and elasticity from Holocene extraData. Raises InvalidExtraData."""
    if len(extra_data) != HOLOCENE_EXTRA_DATA_BYTES or extra_data[0] != 0:
        raise InvalidExtraData(
            f"extraData 0x{extra_data.hex()}: expected {HOLOCENE_EXTRA_DATA_BYTES} bytes, version 0"
        )
    denominator = int.from_bytes(extra_data[1:5], "big")
    elasticity = int.from_bytes(extra_data[5:9], "big")
    if denominator == 0 or elasticity == 0:
        raise InvalidExtraData(
            f"extraData 0x{extra_data.hex()}: denominator {denominator}, elasticity {elasticity}; "
            "neither may be 0"
        )
    return denominator, elasticity


def base_fee_params(config: ChainConfig, parent: Header) -> tuple[int, int]:
    """Denominator and elasticity for the child of `parent`.

    An L2 parent carries them in its extraData; a genesis block without any means the config's.
    Raises InvalidExtraData.
    """
    if config.is_optimism and (parent.number > 0 or parent.extra_data):
        return decode_eip1559_params(parent.extra_data)
    return config.eip1559_denominator, config.eip1559_elasticity


def next_base_fee(config: ChainConfig, parent: Header) -> int:
    """Base fee of the child of `parent`, in wei per gas (EIP-1559). Raises InvalidExtraData."""
    denominator, elasticity = base_fee_params(config, parent)
    base_fee = parent.base_fee_per_gas or 0
    target = parent.gas_limit // elasticity
    if parent.gas_used == target:
        return base_fee
    if parent.gas_used > target:
        rise = base_fee * (parent.gas_used - target) // target // denominator
        return base_fee + max(rise, 1)
    return max(base_fee - base_fee * (target - parent.gas_used) // target // denominator, 0)


def next_excess_blob_gas(config: ChainConfig, parent: Header) -> int:
    """Excess blob gas of the child of `parent`; always 0 on an L2, which has no blobs."""
    if config.is_optimism:
        return 0
    total = (parent.excess_blob_gas or 0) + (parent.blob_gas_used or 0)
    return max(total - TARGET_BLOB_GAS, 0)


def blob_base_fee(excess_blob_gas: int) -> int:
    """Price of blob gas in wei: the `fake_exponential` of EIP-4844 with Prague's fraction."""
    denominator = BLOB_BASE_FEE_FRACTION
    output, step = 0, denominator
    index = 1
    while step > 0:
        output += step
        step = step * excess_blob_gas // (denominator * index)
        index += 1
    return output // denominator


@dataclass(frozen=True, slots=True)
class L1FeeParameters:
    """What the L1Block predeploy says of prices: fees in wei, scalars in millionths."""

    base_fee: int
    blob_base_fee: int
    base_fee_scalar: int
    blob_base_fee_scalar: int
    operator_fee_scalar: int
    operator_fee_constant: int

    def data_fee(self, fastlz_size: int) -> int:
        """Fjord's L1 fee in wei for a transaction that FastLZ shrinks to that many bytes."""
        estimate = max(FJORD_MIN_SIZE, FJORD_INTERCEPT + FJORD_FASTLZ_COEFFICIENT * fastlz_size)
        price = 16 * self.base_fee_scalar * self.base_fee
        price += self.blob_base_fee_scalar * self.blob_base_fee
        return estimate * price // 10**12

    def operator_fee(self, gas: int) -> int:
        """Isthmus operator fee in wei for that much gas."""
        return gas * self.operator_fee_scalar // 10**6 + self.operator_fee_constant


def l1_attributes(
    get_storage: Callable[[Address, int], int], *, has_operator_fee: bool = True
) -> L1FeeParameters:
    """Read the prices that the L1-attributes deposit left in the storage of L1Block.

    Before Isthmus there is no operator fee, and its slot is not read.
    """
    scalars = get_storage(L1_BLOCK, _SLOT_SCALARS)
    operator = get_storage(L1_BLOCK, _SLOT_OPERATOR_FEE) if has_operator_fee else 0
    return L1FeeParameters(
        base_fee=get_storage(L1_BLOCK, _SLOT_L1_BASE_FEE),
        blob_base_fee=get_storage(L1_BLOCK, _SLOT_L1_BLOB_BASE_FEE),
        base_fee_scalar=(scalars >> 96) & _UINT32,
        blob_base_fee_scalar=(scalars >> 64) & _UINT32,
        operator_fee_scalar=(operator >> 64) & _UINT32,
        operator_fee_constant=operator & _UINT64,
    )


def l1_fee(parameters: L1FeeParameters, encoded_transaction: bytes) -> int:
    """L1 data fee in wei of a signed transaction in its EIP-2718 form."""
    if not (parameters.base_fee_scalar or parameters.blob_base_fee_scalar):
        return 0
    length = len(encoded_transaction)
    # Compression never makes more than this of it, so a short transaction pays the least anyway.
    longest = length + length // 32 + 1
    if longest <= _LARGEST_MINIMAL_SIZE:
        return parameters.data_fee(longest)
    if length > _CACHED_LENGTH:
        return parameters.data_fee(fastlz_size(encoded_transaction))
    return parameters.data_fee(_cached_fastlz_size(encoded_transaction))


def fastlz_size(data: bytes) -> int:
    """Length in bytes of the FastLZ (level 1) compression of `data`.

    Only counts: the port of ariya/FastLZ 344eb40 that op-geth and Solady's LibZip agree on.
    """
    limit = len(data) - 13
    if limit <= 2:
        return _literals(len(data))
    triples = zip(data, data[1:], data[2:], strict=False)
    words = [first | second << 8 | third << 16 for first, second, third in triples]
    slots = [(2654435769 * word & 0xFFFFFFFF) >> 19 for word in words]
    table: dict[int, int] = {}
    size, anchor, position = 0, 0, 2
    while position < limit:
        found = _next_match(words, slots, table, position, limit)
        if found is None:
            break
        position, reference = found
        if position > anchor:
            size += _literals(position - anchor)
        matched = _common_length(data, reference + 3, position + 3, limit + 9)
        size += _match(matched)
        position += matched
        table[slots[position]] = position
        table[slots[position + 1]] = position + 1
        position += 2
        anchor = position
    return size + _literals(len(data) - anchor)


# The pool asks when a transaction comes in and the executor when it runs. At most 8 MiB of keys.
_cached_fastlz_size = lru_cache(maxsize=8192)(fastlz_size)


def _next_match(
    words: list[int], slots: list[int], table: dict[int, int], start: int, limit: int
) -> tuple[int, int] | None:
    """The next place whose three bytes came at most 8191 bytes before, and that place before.

    FastLZ gives up one place early: a match that begins at the last one does not count.
    """
    for position in range(start, limit):
        slot = slots[position]
        reference = table.get(slot, 0)
        table[slot] = position
        if words[reference] == words[position] and position - reference <= _MAX_DISTANCE:
            return (position, reference) if position + 1 < limit else None
    return None


def _literals(count: int) -> int:
    """Bytes that a run of literals takes: one of length for each 32."""
    full, rest = divmod(count, 32)
    return 33 * full + (rest + 1 if rest else 0)


def _match(length: int) -> int:
    """Bytes that a match takes: three for each 262, and two or three for the rest."""
    full, rest = divmod(length - 1, 262)
    return 3 * full + (3 if rest >= 6 else 2)


def _common_length(data: bytes, left: int, right: int, end: int) -> int:
    """How many bytes agree from `left` and `right` on, counted as FastLZ does: the first
    difference counts too.
    """
    length = 0
    while right + length < end:
        length += 1
        if data[left + length - 1] != data[right + length - 1]:
            break
    return length
