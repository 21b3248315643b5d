"""The inputs root: one hash for what each L2 block of a game is made from.

A binary tree of 2^16 leaves, inner node keccak(left ‖ right), no leaf: the zero hash; the block of
number n is leaf n mod 65,536, so a game reaches at most 65,536 blocks behind its anchor. A leaf is
the name of the block's `Attributes` (docs/protocol/one-step.md). On a chain with a BatchInbox L1
computes a root for each block, in which it is the only leaf (docs/protocol/inputs-on-l1.md); else
the proposer chooses one, and nothing proves it (docs/protocol/dispute-scope.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from chain.block import Block, Header
from chain.types import Hash32
from evm.engine import attributes_of
from evm.fees import FeeParameters
from evm.forks import rules_at
from evm.step.block_records import INPUTS_DEPTH, Attributes
from evm.step.names import name_of
from evm.step_blocks import block_inputs, inputs_tree
from genesis.config import ChainConfig

MOST_BLOCKS: Final = 1 << INPUTS_DEPTH
"""How many blocks an inputs root reaches."""


def inputs_of(
    config: ChainConfig, parent: Header, block: Block, refused: Sequence[bytes] = ()
) -> Attributes:
    """What an L2 block is made from, as the steps take it; `refused` as block_inputs has it.

    The fee parameters are those of the header, where attributes may have left them to the chain.
    Raises NotProvable before Ecotone, InvalidExtraData.
    """
    attributes, optimism = attributes_of(block), rules_at(config, block.header.timestamp).optimism
    if optimism is not None and optimism.has_fee_parameters:
        fees = FeeParameters.decode(
            block.header.extra_data, has_min_base_fee=optimism.has_min_base_fee
        )
        attributes = replace(
            attributes,
            eip1559_params=(fees.denominator, fees.elasticity),
            min_base_fee=fees.min_base_fee,
        )
    # An L2's extraData is made of the fee parameters.
    return block_inputs(config, parent, replace(attributes, extra_data=None), refused)


def inputs_root_of(
    config: ChainConfig, parent: Header, block: Block, refused: Sequence[bytes] = ()
) -> Hash32:
    """The inputs root over one L2 block alone, as BlockInputs on L1 gives it.

    Of a block that became one of deposits alone, L1 has the batch's transactions too: `refused`.
    Raises NotProvable, InvalidExtraData.
    """
    inputs = inputs_of(config, parent, block, refused)
    return Hash32(name_of(inputs_tree(block.number, [inputs])))


def first_in_reach(starting_number: int, claimed_number: int) -> int:
    """The first block that the inputs root of a game is over."""
    return max(starting_number + 1, claimed_number + 1 - MOST_BLOCKS)
