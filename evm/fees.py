"""What a transaction pays: base fee, blob base fee, the L2's data fee and operator fee.

Pure arithmetic on integers: wei per gas, wei, bytes. Sources: EIP-1559, EIP-4844, EIP-7918; specs
holocene/exec-engine.md (base fee parameters in extraData), ecotone/l1-attributes.md and
fjord/exec-engine.md (data fee), isthmus/exec-engine.md (operator fee). Who pays and who is paid is
in `transition.py`.
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
from genesis.config import BlobSchedule, ChainConfig

from .fastlz import fastlz_size, longest_size
from .forks import GAS_PER_BLOB, ISTHMUS, PRAGUE, OptimismRules, rules_at

HOLOCENE_EXTRA_DATA_BYTES: Final = 9

INITIAL_BASE_FEE: Final = 10**9
"""Of London's first block, in wei per gas."""
FJORD_INTERCEPT: Final = -42_585_600
FJORD_FASTLZ_COEFFICIENT: Final = 836_500
FJORD_MIN_SIZE: Final = 100_000_000
"""Smallest size that is charged, in millionths of a byte: 100 bytes."""

# Storage layout of the L1Block predeploy, as op-geth reads it (core/types/rollup_cost.go).
_SLOT_L1_BASE_FEE: Final = 1
_SLOT_SCALARS: Final = 3
_SLOT_L1_BLOB_BASE_FEE: Final = 7
_SLOT_OPERATOR_FEE: Final = 8
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

    From Holocene on an L2 parent carries them in its extraData; a genesis block without any means
    the config's. Raises InvalidExtraData.
    """
    if config.is_optimism and (parent.number > 0 or parent.extra_data):
        optimism = rules_at(config, parent.timestamp).optimism
        if optimism is not None and optimism.has_fee_parameters:
            return decode_eip1559_params(parent.extra_data)
    return config.eip1559_denominator, config.eip1559_elasticity


def has_base_fee(config: ChainConfig, number: int) -> bool:
    """Whether the header of block `number` has a base fee (EIP-1559)."""
    return config.is_optimism or config.is_fork_block_reached("londonBlock", number)


def next_base_fee(config: ChainConfig, parent: Header) -> int:
    """Base fee of the child of `parent`, in wei per gas (EIP-1559); 0 where it has none.

    Raises InvalidExtraData.
    """
    base_fee = parent.base_fee_per_gas
    if base_fee is None:
        return INITIAL_BASE_FEE if has_base_fee(config, parent.number + 1) else 0
    denominator, elasticity = base_fee_params(config, parent)
    target = parent.gas_limit // elasticity
    if parent.gas_used == target:
        return base_fee
    if parent.gas_used > target:
        rise = base_fee * (parent.gas_used - target) // target // denominator
        return base_fee + max(rise, 1)
    return max(base_fee - base_fee * (target - parent.gas_used) // target // denominator, 0)


def next_excess_blob_gas(config: ChainConfig, parent: Header, timestamp: int | None = None) -> int:
    """Excess blob gas of the child of `parent`; always 0 on an L2, which has no blobs.

    `timestamp` of the child, in seconds, decides the rules; without one they are the parent's.
    Sources: EIP-4844, EIP-7918.
    """
    rules = rules_at(config, parent.timestamp if timestamp is None else timestamp)
    schedule = rules.blobs
    if config.is_optimism or schedule is None:
        return 0
    excess, used = parent.excess_blob_gas or 0, parent.blob_gas_used or 0
    target = schedule.target * GAS_PER_BLOB
    if excess + used < target:
        return 0
    reserve = rules.blob_base_cost * (parent.base_fee_per_gas or 0)
    if reserve > GAS_PER_BLOB * blob_base_fee(excess, schedule):
        return excess + used * (schedule.max - schedule.target) // schedule.max
    return excess + used - target


def blob_base_fee(excess_blob_gas: int, schedule: BlobSchedule | None = PRAGUE.blobs) -> int:
    """Price of blob gas in wei: the `fake_exponential` of EIP-4844; 0 without a schedule."""
    if schedule is None:
        return 0
    denominator = schedule.base_fee_update_fraction
    output, step = 0, denominator
    index = 1
    while step > 0:
        output += step
        step = step * excess_blob_gas // (denominator * index)
        index += 1
    return output // denominator


@dataclass(frozen=True, slots=True)
class L1FeeParameters:
    """What the L1Block predeploy says of prices: fees in wei, scalars in millionths.

    `has_fastlz_fee` is False before Fjord.
    """

    base_fee: int
    blob_base_fee: int
    base_fee_scalar: int
    blob_base_fee_scalar: int
    operator_fee_scalar: int
    operator_fee_constant: int
    has_fastlz_fee: bool = True

    @property
    def weighted_price(self) -> int:
        """Wei for a million compressed bytes, before they are counted: 16 times too much."""
        price = 16 * self.base_fee_scalar * self.base_fee
        return price + self.blob_base_fee_scalar * self.blob_base_fee

    def data_fee(self, fastlz_size: int) -> int:
        """Fjord's L1 fee in wei for a transaction that FastLZ shrinks to that many bytes."""
        estimate = max(FJORD_MIN_SIZE, FJORD_INTERCEPT + FJORD_FASTLZ_COEFFICIENT * fastlz_size)
        return estimate * self.weighted_price // 10**12

    def ecotone_data_fee(self, data: bytes) -> int:
        """Ecotone's L1 fee in wei of a signed transaction: 4 gas a zero byte, 16 any other."""
        zeros = data.count(0)
        calldata_gas = 4 * zeros + 16 * (len(data) - zeros)
        return calldata_gas * self.weighted_price // (16 * 10**6)

    def operator_fee(self, gas: int) -> int:
        """Isthmus operator fee in wei for that much gas."""
        return gas * self.operator_fee_scalar // 10**6 + self.operator_fee_constant


def l1_attributes(
    get_storage: Callable[[Address, int], int], optimism: OptimismRules | None = ISTHMUS.optimism
) -> L1FeeParameters:
    """Read the prices that the L1-attributes deposit left in the storage of L1Block.

    Before Isthmus there is no operator fee, and its slot is not read.
    """
    rules = optimism or OptimismRules()
    scalars = get_storage(L1_BLOCK, _SLOT_SCALARS)
    operator = get_storage(L1_BLOCK, _SLOT_OPERATOR_FEE) if rules.has_operator_fee else 0
    return L1FeeParameters(
        base_fee=get_storage(L1_BLOCK, _SLOT_L1_BASE_FEE),
        blob_base_fee=get_storage(L1_BLOCK, _SLOT_L1_BLOB_BASE_FEE),
        base_fee_scalar=(scalars >> 96) & _UINT32,
        blob_base_fee_scalar=(scalars >> 64) & _UINT32,
        operator_fee_scalar=(operator >> 64) & _UINT32,
        operator_fee_constant=operator & _UINT64,
        has_fastlz_fee=rules.has_fastlz_fee,
    )


def l1_fee(parameters: L1FeeParameters, encoded_transaction: bytes) -> int:
    """L1 data fee in wei of a signed transaction in its EIP-2718 form."""
    if not (parameters.base_fee_scalar or parameters.blob_base_fee_scalar):
        return 0
    if not parameters.has_fastlz_fee:
        return parameters.ecotone_data_fee(encoded_transaction)
    return parameters.data_fee(charged_size(encoded_transaction))


def charged_size(encoded_transaction: bytes) -> int:
    """Bytes that Fjord takes a transaction for: its FastLZ length or, where that is too little to
    make a difference, some other length that costs the least as well.
    """
    if longest_size(encoded_transaction) <= _LARGEST_MINIMAL_SIZE:
        return 0
    if len(encoded_transaction) > _CACHED_LENGTH:
        return fastlz_size(encoded_transaction)
    return _cached_fastlz_size(encoded_transaction)


# The pool asks when a transaction comes in and the executor when it runs. At most 8 MiB of keys.
_cached_fastlz_size = lru_cache(maxsize=8192)(fastlz_size)
