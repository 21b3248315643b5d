"""What an L2 transaction pays beside gas: L1's data fee, operator fee, and its DA footprint.

Prices come from the storage of L1Block, once a block. Integers throughout. Sources: OP specs
exec-engine.md (Ecotone), fjord/exec-engine.md, isthmus/exec-engine.md, jovian/exec-engine.md.
"""

from __future__ import annotations

from typing import Final

from genesis.addresses import L1_BLOCK

from .accounts import account_of
from .block_records import ChainRules, Job, Prices, Rule
from .machine import Machine
from .slots import place_of_slot

_INTERCEPT: Final = -42_585_600
_COEFFICIENT: Final = 836_500
_MIN_SIZE: Final = 100_000_000
_MILLION: Final = 10**6
_SLOT_BASE_FEE: Final = 1
_SLOT_SCALARS: Final = 3
_SLOT_OVERHEAD: Final = 5
_SLOT_BEDROCK_SCALAR: Final = 6
_SLOT_BLOB_BASE_FEE: Final = 7
_SLOT_OPERATOR_FEE: Final = 8
_U16: Final = 2**16 - 1
_U32: Final = 2**32 - 1
_U64: Final = 2**64 - 1
_ZERO_BYTE_GAS: Final = 4
_BYTE_GAS: Final = 16


def read_prices(m: Machine, rules: ChainRules) -> Prices:
    """What L1Block holds now; in Ecotone's first block that is still Bedrock's. Raises Missing."""
    generation = account_of(m, L1_BLOCK).generation

    def slot(number: int) -> int:
        return place_of_slot(m, L1_BLOCK, generation, number).found.value

    scalars, base_fee = slot(_SLOT_SCALARS), slot(_SLOT_BASE_FEE)
    blob_base_fee = slot(_SLOT_BLOB_BASE_FEE)
    operator = slot(_SLOT_OPERATOR_FEE) if rules.has & Rule.OPERATOR_FEE else 0
    base_scalar, blob_scalar = scalars >> 96 & _U32, scalars >> 64 & _U32
    is_bedrock = not (base_scalar or blob_scalar or blob_base_fee)
    return Prices(
        base_fee=base_fee,
        blob_base_fee=blob_base_fee,
        base_fee_scalar=base_scalar,
        blob_base_fee_scalar=blob_scalar,
        overhead=slot(_SLOT_OVERHEAD) if is_bedrock else 0,
        bedrock_scalar=slot(_SLOT_BEDROCK_SCALAR) if is_bedrock else 0,
        is_bedrock=int(is_bedrock),
        operator_fee_scalar=operator >> 64 & _U32,
        operator_fee_constant=operator & _U64,
        da_footprint_scalar=operator >> 96 & _U16 if rules.has & Rule.DA_FOOTPRINT else 0,
    )


def data_fee(prices: Prices, rules: ChainRules, job: Job) -> int:
    """Wei for the transaction's bytes on L1."""
    gas = _ZERO_BYTE_GAS * job.zeros + _BYTE_GAS * (job.length - job.zeros)
    if prices.is_bedrock:
        return (gas + prices.overhead) * prices.base_fee * prices.bedrock_scalar // _MILLION
    price = 16 * prices.base_fee_scalar * prices.base_fee
    price += prices.blob_base_fee_scalar * prices.blob_base_fee
    if not (prices.base_fee_scalar or prices.blob_base_fee_scalar):
        return 0
    if not rules.has & Rule.FASTLZ:
        return gas * price // (16 * _MILLION)
    return _size(job) * price // _MILLION**2


def da_footprint(prices: Prices, job: Job) -> int:
    """Gas that the transaction takes of the block's room on L1 (Jovian)."""
    return _size(job) // _MILLION * prices.da_footprint_scalar


def _size(job: Job) -> int:
    """Millionths of a byte that Fjord takes the transaction for."""
    return max(_MIN_SIZE, _INTERCEPT + _COEFFICIENT * job.charged_size)


def operator_fee(prices: Prices, rules: ChainRules, gas: int) -> int:
    """Wei for that much gas (Isthmus)."""
    scaled = gas * prices.operator_fee_scalar * rules.operator_fee_factor
    return scaled // rules.operator_fee_divisor + prices.operator_fee_constant
