"""What a transaction pays: base fee, blob base fee, the L2's data fee and operator fee.

Pure arithmetic on integers: wei per gas, wei, bytes. Sources: EIP-1559, EIP-4844, EIP-7918; specs
exec-engine.md and fjord/exec-engine.md (data fee), holocene and jovian/exec-engine.md (base fee
parameters in extraData, DA footprint), isthmus and jovian/exec-engine.md (operator fee). Who pays
and who is paid is in `transition.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from chain.block import Header
from chain.errors import StemmaError
from chain.types import Address
from genesis.addresses import L1_BLOCK
from genesis.config import BlobSchedule, ChainConfig

from .fastlz import fastlz_size, longest_size
from .forks import GAS_PER_BLOB, ISTHMUS, PRAGUE, DataFee, OptimismRules, rules_at

_HOLOCENE_VERSION: Final = 0
_JOVIAN_VERSION: Final = 1
_EXTRA_DATA_BYTES: Final = {_HOLOCENE_VERSION: 9, _JOVIAN_VERSION: 17}

INITIAL_BASE_FEE: Final = 10**9
"""Of London's first block, in wei per gas."""
FJORD_INTERCEPT: Final = -42_585_600
FJORD_FASTLZ_COEFFICIENT: Final = 836_500
FJORD_MIN_SIZE: Final = 100_000_000
"""Smallest size that is charged, in millionths of a byte: 100 bytes."""

BEDROCK_SIGNATURE_BYTES: Final = 68
"""Bytes that Bedrock charged on top of a transaction, as if it had no signature yet."""

_WITHOUT_BLOBS: Final = {DataFee.ECOTONE: DataFee.REGOLITH, DataFee.FJORD: DataFee.REGOLITH}
# Storage layout of the L1Block predeploy, as op-geth reads it (core/types/rollup_cost.go).
_SLOT_L1_BASE_FEE: Final = 1
_SLOT_SCALARS: Final = 3
_SLOT_OVERHEAD: Final = 5
_SLOT_BEDROCK_SCALAR: Final = 6
_SLOT_L1_BLOB_BASE_FEE: Final = 7
_SLOT_OPERATOR_FEE: Final = 8
_CACHED_LENGTH: Final = 1024
_LARGEST_MINIMAL_SIZE: Final = (FJORD_MIN_SIZE - FJORD_INTERCEPT) // FJORD_FASTLZ_COEFFICIENT
"""A transaction that FastLZ leaves with this many bytes or fewer pays for 100."""
_MINIMAL_LENGTH: Final = _LARGEST_MINIMAL_SIZE * 32 // 33 - 1
"""FastLZ never makes more than that of so many bytes."""
_UINT16: Final = 2**16 - 1
_UINT32: Final = 2**32 - 1
_UINT64: Final = 2**64 - 1


class InvalidExtraData(StemmaError):
    """The extraData of an L2 header does not hold base fee parameters as its fork wants them."""


@dataclass(frozen=True, slots=True)
class FeeParameters:
    """How the base fee moves, and in wei per gas how low it may go.

    From Holocene on an L2 header carries them in its extraData, from Jovian on with the least base
    fee. Sources: holocene/exec-engine.md, Dynamic EIP-1559 Parameters; jovian/exec-engine.md,
    Minimum Base Fee in Block Header.
    """

    denominator: int
    elasticity: int
    min_base_fee: int | None = None
    """None before Jovian."""

    def encode(self) -> bytes:
        """The extraData: version, denominator, elasticity and, since Jovian, the least base fee."""
        params = self.denominator.to_bytes(4, "big") + self.elasticity.to_bytes(4, "big")
        if self.min_base_fee is None:
            return bytes((_HOLOCENE_VERSION,)) + params
        return bytes((_JOVIAN_VERSION,)) + params + self.min_base_fee.to_bytes(8, "big")

    @staticmethod
    def decode(extra_data: bytes, *, has_min_base_fee: bool) -> FeeParameters:
        """Read extraData of Holocene, or of Jovian. Raises InvalidExtraData."""
        version = _JOVIAN_VERSION if has_min_base_fee else _HOLOCENE_VERSION
        size = _EXTRA_DATA_BYTES[version]
        if len(extra_data) != size or extra_data[0] != version:
            raise InvalidExtraData(
                f"extraData 0x{extra_data.hex()}: expected {size} bytes, version {version}"
            )
        denominator = int.from_bytes(extra_data[1:5], "big")
        elasticity = int.from_bytes(extra_data[5:9], "big")
        if denominator == 0 or elasticity == 0:
            raise InvalidExtraData(
                f"extraData 0x{extra_data.hex()}: denominator {denominator}, elasticity "
                f"{elasticity}; neither may be 0"
            )
        least = int.from_bytes(extra_data[9:], "big") if has_min_base_fee else None
        return FeeParameters(denominator, elasticity, least)


def encode_eip1559_params(denominator: int, elasticity: int) -> bytes:
    """Holocene extraData: a version byte 0, then denominator and elasticity as uint32."""
    return FeeParameters(denominator, elasticity).encode()


def decode_eip1559_params(extra_data: bytes) -> tuple[int, int]:
    """Denominator and elasticity from Holocene extraData. Raises InvalidExtraData."""
    read = FeeParameters.decode(extra_data, has_min_base_fee=False)
    return read.denominator, read.elasticity


def fee_parameters(config: ChainConfig, parent: Header, timestamp: int) -> FeeParameters:
    """Those of the child of `parent` with that timestamp, in seconds.

    From Holocene on an L2 parent carries them; a genesis block without any means the config's.
    Raises InvalidExtraData.
    """
    if config.is_optimism and (parent.number > 0 or parent.extra_data):
        optimism = rules_at(config, parent.timestamp).optimism
        if optimism is not None and optimism.has_fee_parameters:
            has_min = optimism.has_min_base_fee
            return FeeParameters.decode(parent.extra_data, has_min_base_fee=has_min)
    return FeeParameters(config.denominator_at(timestamp), config.eip1559_elasticity)


def has_base_fee(config: ChainConfig, number: int) -> bool:
    """Whether the header of block `number` has a base fee (EIP-1559)."""
    return config.is_optimism or config.is_fork_block_reached("londonBlock", number)


def next_base_fee(config: ChainConfig, parent: Header, timestamp: int | None = None) -> int:
    """Base fee of the child of `parent`, in wei per gas (EIP-1559); 0 where it has none.

    `timestamp` of the child, in seconds, tells Canyon's first block; without one it is the
    parent's. Raises InvalidExtraData.
    """
    base_fee = parent.base_fee_per_gas
    if base_fee is None:
        return INITIAL_BASE_FEE if has_base_fee(config, parent.number + 1) else 0
    parameters = fee_parameters(config, parent, timestamp or parent.timestamp)
    target = parent.gas_limit // parameters.elasticity
    moved = _moved(base_fee, target, _metered_gas(config, parent), parameters.denominator)
    return max(moved, parameters.min_base_fee or 0)


def _moved(base_fee: int, target: int, used: int, denominator: int) -> int:
    if used == target:
        return base_fee
    if used > target:
        return base_fee + max(base_fee * (used - target) // target // denominator, 1)
    return max(base_fee - base_fee * (target - used) // target // denominator, 0)


def _metered_gas(config: ChainConfig, parent: Header) -> int:
    """Gas that moves the base fee: since Jovian the DA footprint, where that is more."""
    if config.is_optimism and parent.blob_gas_used:
        optimism = rules_at(config, parent.timestamp).optimism
        if optimism is not None and optimism.has_da_footprint:
            return max(parent.gas_used, parent.blob_gas_used)
    return parent.gas_used


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

    `overhead` (gas) and `bedrock_scalar` are Bedrock's, the other scalars Ecotone's.
    `da_footprint_gas_scalar` is gas per byte.
    """

    base_fee: int
    blob_base_fee: int
    base_fee_scalar: int
    blob_base_fee_scalar: int
    operator_fee_scalar: int
    operator_fee_constant: int
    rule: DataFee = DataFee.FJORD
    overhead: int = 0
    bedrock_scalar: int = 0
    operator_fee_factor: int = 1
    operator_fee_divisor: int = 10**6
    da_footprint_gas_scalar: int = 0

    def under(self, rules: OptimismRules) -> L1FeeParameters:
        """The same prices by the formulas of a fork.

        In Ecotone's first block, whose L1 attributes are still Bedrock's, so is the data fee.
        """
        rule = rules.data_fee
        if not (self.base_fee_scalar or self.blob_base_fee_scalar or self.blob_base_fee):
            rule = _WITHOUT_BLOBS.get(rule, rule)
        return replace(
            self,
            rule=rule,
            operator_fee_factor=rules.operator_fee_factor,
            operator_fee_divisor=rules.operator_fee_divisor,
        )

    @property
    def is_bedrock(self) -> bool:
        """Whether the data fee goes by overhead and scalar, as before Ecotone."""
        return self.rule in (DataFee.BEDROCK, DataFee.REGOLITH)

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
        """Ecotone's L1 fee in wei of a signed transaction."""
        return calldata_gas(data) * self.weighted_price // (16 * 10**6)

    def bedrock_data_fee(self, data: bytes) -> int:
        """The L1 fee in wei of a signed transaction before Ecotone."""
        return self.bedrock_gas(data) * self.base_fee * self.bedrock_scalar // 10**6

    def bedrock_gas(self, data: bytes) -> int:
        """Gas on L1 that a signed transaction stood for before Ecotone."""
        signature = BEDROCK_SIGNATURE_BYTES if self.rule is DataFee.BEDROCK else 0
        return calldata_gas(data) + 16 * signature + self.overhead

    def operator_fee(self, gas: int) -> int:
        """Operator fee in wei for that much gas (Isthmus; a hundredfold since Jovian)."""
        scaled = gas * self.operator_fee_scalar * self.operator_fee_factor
        return scaled // self.operator_fee_divisor + self.operator_fee_constant

    def da_footprint(self, encoded_transaction: bytes) -> int:
        """Gas that a signed transaction takes of its block's room on L1.

        Source: jovian/exec-engine.md, DA Footprint Block Limit.
        """
        if not self.da_footprint_gas_scalar:
            return 0
        size = FJORD_INTERCEPT + FJORD_FASTLZ_COEFFICIENT * charged_size(encoded_transaction)
        return max(FJORD_MIN_SIZE, size) // 10**6 * self.da_footprint_gas_scalar


def calldata_gas(data: bytes) -> int:
    """Gas of that much calldata on L1: 4 a zero byte, 16 any other (EIP-2028)."""
    zeros = data.count(0)
    return 4 * zeros + 16 * (len(data) - zeros)


def l1_attributes(
    get_storage: Callable[[Address, int], int], optimism: OptimismRules | None = ISTHMUS.optimism
) -> L1FeeParameters:
    """Read the prices that the L1-attributes deposit left in the storage of L1Block.

    What a fork does not have is not read.
    """
    rules = optimism or OptimismRules()
    is_early = rules.data_fee in (DataFee.BEDROCK, DataFee.REGOLITH)
    scalars = 0 if is_early else get_storage(L1_BLOCK, _SLOT_SCALARS)
    blob_base_fee = 0 if is_early else get_storage(L1_BLOCK, _SLOT_L1_BLOB_BASE_FEE)
    operator = get_storage(L1_BLOCK, _SLOT_OPERATOR_FEE) if rules.has_operator_fee else 0
    prices = L1FeeParameters(
        base_fee=get_storage(L1_BLOCK, _SLOT_L1_BASE_FEE),
        blob_base_fee=blob_base_fee,
        base_fee_scalar=(scalars >> 96) & _UINT32,
        blob_base_fee_scalar=(scalars >> 64) & _UINT32,
        operator_fee_scalar=(operator >> 64) & _UINT32,
        operator_fee_constant=operator & _UINT64,
        da_footprint_gas_scalar=(operator >> 96) & _UINT16 if rules.has_da_footprint else 0,
    ).under(rules)
    if not prices.is_bedrock:
        return prices
    return replace(
        prices,
        overhead=get_storage(L1_BLOCK, _SLOT_OVERHEAD),
        bedrock_scalar=get_storage(L1_BLOCK, _SLOT_BEDROCK_SCALAR),
    )


def l1_fee(parameters: L1FeeParameters, encoded_transaction: bytes) -> int:
    """L1 data fee in wei of a signed transaction in its EIP-2718 form."""
    if parameters.is_bedrock:
        return parameters.bedrock_data_fee(encoded_transaction)
    if not (parameters.base_fee_scalar or parameters.blob_base_fee_scalar):
        return 0
    if parameters.rule is DataFee.ECOTONE:
        return parameters.ecotone_data_fee(encoded_transaction)
    return parameters.data_fee(charged_size(encoded_transaction))


def l1_gas(parameters: L1FeeParameters, encoded_transaction: bytes) -> int:
    """Gas on L1 for which a signed transaction pays, as its receipt has it (`l1GasUsed`)."""
    if parameters.is_bedrock:
        return parameters.bedrock_gas(encoded_transaction)
    if parameters.rule is DataFee.ECOTONE:
        return calldata_gas(encoded_transaction)
    size = FJORD_INTERCEPT + FJORD_FASTLZ_COEFFICIENT * charged_size(encoded_transaction)
    return max(FJORD_MIN_SIZE, size) * 16 // 10**6


def charged_size(encoded_transaction: bytes) -> int:
    """Bytes that Fjord takes a transaction for: its FastLZ length or, where that is too little to
    make a difference, some other length that costs the least as well.
    """
    if len(encoded_transaction) <= _MINIMAL_LENGTH:
        return 0
    if len(encoded_transaction) > _CACHED_LENGTH:
        return _charged_size(encoded_transaction)
    return _cached_charged_size(encoded_transaction)


def _charged_size(encoded_transaction: bytes) -> int:
    if longest_size(encoded_transaction) <= _LARGEST_MINIMAL_SIZE:
        return 0
    return fastlz_size(encoded_transaction)


# The pool asks when a transaction comes in and the executor when it runs. At most 8 MiB of keys.
_cached_charged_size = lru_cache(maxsize=8192)(_charged_size)
