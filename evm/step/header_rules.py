"""What a header takes from its parent's: base fee, blob gas, extra data.

Integers in, integers out. Sources: EIP-1559, 4844, 7918; OP specs {holocene,jovian}/exec-engine.md.
"""

from __future__ import annotations

from typing import Final

from chain.block import Header

from .block_records import Attributes, ChainRules, Rule
from .refusal import NotInOrder

GAS_PER_BLOB: Final = 2**17
_HOLOCENE_BYTES: Final = 9
_JOVIAN_BYTES: Final = 17


def next_base_fee(rules: ChainRules, parent: Header) -> int:
    """Wei per gas. Raises NotInOrder where the parent's fee parameters are malformed."""
    denominator, elasticity, least = fee_parameters(rules, parent)
    base_fee = parent.base_fee_per_gas or 0
    target, used = parent.gas_limit // elasticity, parent.gas_used
    if rules.has & Rule.PARENT_DA_FOOTPRINT:
        used = max(used, parent.blob_gas_used or 0)
    moved = base_fee
    if used > target:
        moved += max(base_fee * (used - target) // target // denominator, 1)
    elif used < target:
        moved -= base_fee * (target - used) // target // denominator
    return max(moved, least)


def fee_parameters(rules: ChainRules, parent: Header) -> tuple[int, int, int]:
    """Denominator, elasticity and least base fee."""
    is_in_header = rules.has & Rule.PARENT_FEE_PARAMETERS
    if not is_in_header or not (parent.number or parent.extra_data):
        return rules.denominator, rules.elasticity, 0
    data = parent.extra_data
    has_least = bool(rules.has & Rule.PARENT_MIN_BASE_FEE)
    if len(data) != (_JOVIAN_BYTES if has_least else _HOLOCENE_BYTES) or data[0] != has_least:
        raise NotInOrder(f"extraData 0x{data.hex()} of the parent")
    denominator, elasticity = (int.from_bytes(data[at : at + 4], "big") for at in (1, 5))
    if not denominator or not elasticity:
        raise NotInOrder(f"extraData 0x{data.hex()} of the parent: denominator or elasticity 0")
    return denominator, elasticity, int.from_bytes(data[9:], "big")


def extra_data(rules: ChainRules, attributes: Attributes) -> bytes:
    """An L2's: nothing before Holocene, then the parameters by which its child goes."""
    if not rules.has & Rule.FEE_PARAMETERS:
        return b""
    has_least = bool(rules.has & Rule.MIN_BASE_FEE)
    denominator, elasticity = attributes.denominator, attributes.elasticity
    if not denominator:
        denominator, elasticity = rules.denominator, rules.elasticity
    data = bytes((has_least,)) + denominator.to_bytes(4, "big") + elasticity.to_bytes(4, "big")
    return data + attributes.min_base_fee.to_bytes(8, "big") if has_least else data


def excess_blob_gas(rules: ChainRules, parent: Header) -> int:
    """Of the child of `parent`; always 0 on an L2."""
    if rules.has & Rule.OPTIMISM:
        return 0
    excess, used = parent.excess_blob_gas or 0, parent.blob_gas_used or 0
    target = rules.blob_target * GAS_PER_BLOB
    if excess + used < target:
        return 0
    reserve = rules.blob_base_cost * (parent.base_fee_per_gas or 0)
    if reserve > GAS_PER_BLOB * blob_base_fee(rules, excess):
        return excess + used * (rules.blob_max - rules.blob_target) // rules.blob_max
    return excess + used - target


def blob_base_fee(rules: ChainRules, excess: int) -> int:
    """Wei per unit of blob gas: `fake_exponential` of EIP-4844."""
    denominator = rules.blob_update_fraction
    output, term, index = 0, denominator, 1
    while term > 0:
        output += term
        term = term * excess // (denominator * index)
        index += 1
    return output // denominator
