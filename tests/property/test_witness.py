"""Whatever a block does: its witness is enough to execute it, and no member of it can be spared."""

from __future__ import annotations

from dataclasses import replace

import pytest
from execution import L1_CONFIG, L2_CONFIG, engine, run
from hypothesis import given, settings
from hypothesis import strategies as st
from witness_blocks import ALLOCATION, plans, transactions

from chain.state import MissingCode
from chain.trie import MissingNode
from evm.witness import MissingHeader, block_witness, decode_witness, execute_block_from_witness

configs = st.sampled_from((L1_CONFIG, L2_CONFIG))


def grown(config, history):
    """A chain of a block for each plan, and the last of them."""
    chain, nonces, result = engine(config, ALLOCATION), {}, None
    for plan in history:
        result = run(chain, *transactions(plan, config, nonces))
    return chain, result


def without(members, index):
    return members[:index] + members[index + 1 :]


@settings(max_examples=40, deadline=None)
@given(configs, st.lists(plans, min_size=1, max_size=3))
def test_block_executes_from_its_witness_alone(config, history):
    chain, made = grown(config, history)
    witness = decode_witness(block_witness(chain, made.header.hash).encode())
    again = execute_block_from_witness(config, witness.parent, made.block, witness)
    assert again.header.hash == made.header.hash
    assert again.receipts == made.receipts
    assert again.state_changes.root == made.header.state_root


@settings(max_examples=12, deadline=None)
@given(configs, st.lists(plans, min_size=1, max_size=3))
def test_witness_without_any_one_member_names_what_is_missing(config, history):
    chain, made = grown(config, history)
    witness = block_witness(chain, made.header.hash)
    parent = witness.parent

    def refuse(error, **part):
        with pytest.raises(error, match="missing"):
            execute_block_from_witness(config, parent, made.block, replace(witness, **part))

    for index in range(len(witness.nodes)):
        refuse(MissingNode, nodes=without(witness.nodes, index))
    for index in range(len(witness.codes)):
        refuse(MissingCode, codes=without(witness.codes, index))
    for index in range(len(witness.headers) - 1):
        refuse(MissingHeader, headers=without(witness.headers, index))


@settings(max_examples=20, deadline=None)
@given(configs, st.lists(plans, min_size=1, max_size=2))
def test_witness_has_one_encoding(config, history):
    chain, made = grown(config, history)
    witness = block_witness(chain, made.header.hash)
    assert decode_witness(witness.encode()) == witness
    assert decode_witness(witness.encode()).encode() == witness.encode()
