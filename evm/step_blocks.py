"""A block as the step machine takes it: from configuration, parent and attributes to a first state.

The steps themselves know no configuration and no rule set of `forks.py`; here they are told. Which
attributes belong to a block is derivation's matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chain.block import Header
from chain.types import Hash32
from genesis.config import ChainConfig

from .executor import PayloadAttributes
from .forks import DataFee, RuleSet, rules_at
from .requests import DEPOSIT_CONTRACT
from .step.block_records import (
    INPUTS_DEPTH,
    NO_LIMIT,
    Attributes,
    ChainRules,
    Claim,
    Data,
    Rule,
)
from .step.names import NOTHING, Link, Name, Raw
from .step.state import Phase, State
from .step.structures.words import ZEROS, Pair, data_tree
from .step_rules import NotProvable, step_rules_of

_LEGACY_TYPES: Final = range(5)


def chain_rules(config: ChainConfig, parent: Header, timestamp: int) -> ChainRules:
    """The rules of the child of `parent` with that timestamp, in seconds.

    Raises NotProvable before Cancun or Ecotone, UnsupportedFork.
    """
    rules = rules_at(config, timestamp)
    fork = step_rules_of(rules).fork
    blobs, optimism = rules.blobs, rules.optimism
    return ChainRules(
        fork=fork,
        chain_id=config.chain_id,
        has=_flags(rules) | _parent_flags(rules_at(config, parent.timestamp)),
        types=sum(1 << kind for kind in _LEGACY_TYPES if kind in rules.transaction_types),
        floor_per_token=rules.floor_per_token,
        max_transaction_gas=min(rules.max_transaction_gas, NO_LIMIT),
        denominator=config.denominator_at(timestamp),
        elasticity=config.eip1559_elasticity,
        max_blobs=min(rules.max_blobs_per_transaction, 2**16 - 1),
        blob_target=blobs.target if blobs is not None else 0,
        blob_max=blobs.max if blobs is not None else 0,
        blob_update_fraction=blobs.base_fee_update_fraction if blobs is not None else 0,
        blob_base_cost=rules.blob_base_cost,
        deposit_contract=config.deposit_contract or DEPOSIT_CONTRACT,
        operator_fee_factor=optimism.operator_fee_factor if optimism is not None else 0,
        operator_fee_divisor=optimism.operator_fee_divisor if optimism is not None else 0,
    )


def _flags(rules: RuleSet) -> Rule:
    found = Rule(0)
    if rules.has_parent_hashes:
        found |= Rule.PARENT_HASHES
    if rules.has_requests:
        found |= Rule.REQUESTS
    optimism = rules.optimism
    if optimism is None:
        return found
    found |= Rule.OPTIMISM
    for has, rule in (
        (optimism.has_fee_parameters, Rule.FEE_PARAMETERS),
        (optimism.has_min_base_fee, Rule.MIN_BASE_FEE),
        (optimism.has_message_passer_root, Rule.MESSAGE_PASSER_ROOT),
        (optimism.has_operator_fee, Rule.OPERATOR_FEE),
        (optimism.has_da_footprint, Rule.DA_FOOTPRINT),
        (optimism.data_fee is DataFee.FJORD, Rule.FASTLZ),
    ):
        found |= rule if has else 0
    return found


def _parent_flags(rules: RuleSet) -> Rule:
    found, optimism = Rule(0), rules.optimism
    if optimism is not None:
        found |= Rule.PARENT_FEE_PARAMETERS if optimism.has_fee_parameters else 0
        found |= Rule.PARENT_MIN_BASE_FEE if optimism.has_min_base_fee else 0
        found |= Rule.PARENT_DA_FOOTPRINT if optimism.has_da_footprint else 0
    return found


def block_inputs(
    config: ChainConfig,
    parent: Header,
    attributes: PayloadAttributes,
    refused: Sequence[bytes] = (),
) -> Attributes:
    """What the block behind `parent` is made from, as the inputs tree holds it.

    `refused` are transactions behind those of the attributes, which the block does not have since
    one of them is invalid.

    Raises NotProvable for a block with payouts of the beacon chain, which an L2 never has.
    """
    if attributes.withdrawals:
        raise NotProvable(f"no steps for the {len(attributes.withdrawals)} withdrawals of an L1")
    denominator, elasticity = attributes.eip1559_params or (0, 0)
    transactions: Name = NOTHING
    encodings = [*(tx.encode() for tx in attributes.transactions), *refused]
    for encoded in reversed(encodings):
        transactions = Link(transactions, Data(data_tree(encoded), len(encoded)))
    return Attributes(
        timestamp=attributes.timestamp,
        prev_randao=int.from_bytes(attributes.prev_randao, "big"),
        fee_recipient=attributes.fee_recipient,
        gas_limit=attributes.gas_limit,
        beacon_root=attributes.parent_beacon_block_root,
        denominator=denominator,
        elasticity=elasticity,
        min_base_fee=attributes.min_base_fee or 0,
        extra_data=Raw(attributes.extra_data or b""),
        transaction_count=len(encodings),
        transactions=transactions,
        rules=chain_rules(config, parent, attributes.timestamp),
    )


def inputs_tree(first_number: int, inputs: Sequence[Name]) -> Name:
    """The tree over the inputs of blocks in a row, or their names: block n is leaf n mod 65,536."""
    row: dict[int, Name] = {
        (first_number + at) % (1 << INPUTS_DEPTH): each for at, each in enumerate(inputs)
    }
    for level in range(INPUTS_DEPTH):
        empty = ZEROS[level]
        row = {
            index: Pair(row.get(2 * index, empty), row.get(2 * index + 1, empty))
            for index in {leaf >> 1 for leaf in row}
        }
    return row[0]


def first_state(
    parent: Header,
    message_passer_root: Hash32,
    disputed: Hash32,
    inputs: Name,
    l1_head: Hash32,
) -> State:
    """The state in which a dispute about the block behind `parent` begins.

    `disputed` is the output root that somebody claims of it, `inputs` the inputs tree.
    """
    output = bytes(32) + parent.state_root + message_passer_root + parent.hash
    claim = Claim(Raw(output), disputed, parent.number + 1, l1_head, inputs)
    return State(Phase.BLOCK_BEGIN, claim, NOTHING, NOTHING, NOTHING)
