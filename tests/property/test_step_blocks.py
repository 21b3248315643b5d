"""Whatever a block does: stepped through, it has the output root that execution gives it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import step_blocks
from execution import STRANGER, USERS, attributes, deposit, send
from hypothesis import given, settings
from hypothesis import strategies as st
from stepped_chain import L1_FORKS, OP_FORKS, Stepper, every_kind_of
from witness_blocks import plans, transactions

from chain.crypto.keccak import keccak256
from chain.types import Hash32
from evm.step.state import Phase


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(OP_FORKS + L1_FORKS), st.lists(plans, min_size=1, max_size=3))
def test_blocks_of_any_fork_have_the_same_output_root(fork, history):
    stepper, nonces = Stepper(fork), {}
    for plan in history:
        stepper.agrees(*transactions(plan, stepper.config, nonces))


@settings(max_examples=6, deadline=None)
@given(st.sampled_from(("fjord", "karst", "osaka")), plans)
def test_every_step_follows_from_its_witness_alone(fork, plan):
    stepper = Stepper(fork)
    block = stepper.prepared(*transactions(plan, stepper.config, {}))
    assert step_blocks.verify(block) > 10


@pytest.mark.parametrize("fork", OP_FORKS + L1_FORKS)
def test_every_kind_of_transaction_takes_its_steps(fork):
    stepper = Stepper(fork)
    txs = every_kind_of(fork, stepper.config.chain_id)
    _, counts = stepper.agrees(*txs)
    assert counts["TRANSACTION_BEGIN"] > 100


def test_a_block_of_many_transactions_has_its_lists_roots():
    stepper = Stepper("karst")
    stepper.agrees(*[send(0, nonce, STRANGER, gas=21_000) for nonce in range(131)])


def test_an_output_root_that_is_not_the_blocks_is_invalid():
    stepper = Stepper("karst")
    block = stepper.prepared(send(0, 0, STRANGER))
    claim = replace(block.first.pending, disputed=Hash32(b"\x01" * 32))
    last, _, _ = step_blocks.run(replace(block, first=replace(block.first, pending=claim)))
    assert last.phase == Phase.INVALID
    assert last.pending == block.output_root


@pytest.mark.parametrize("is_true", [True, False])
def test_a_claim_of_the_block_that_is_agreed_on_ends_at_once(is_true):
    block = Stepper("karst").prepared(send(0, 0, STRANGER))
    claim = block.first.pending
    agreed = keccak256(claim.agreed.encode())
    disputed = agreed if is_true else keccak256(b"another")
    claim = replace(claim, number=claim.number - 1, disputed=Hash32(disputed))
    last, counts, _ = step_blocks.run(replace(block, first=replace(block.first, pending=claim)))
    assert counts == {"BLOCK_BEGIN": 1}
    assert last.phase == (Phase.VALID if is_true else Phase.INVALID)
    assert last.pending == agreed


@pytest.mark.parametrize(
    "bad",
    [
        send(0, 5, STRANGER),
        send(0, 0, STRANGER, cap=1, tip=1),
        send(0, 0, STRANGER, gas=20_000),
        send(0, 0, STRANGER, value=10**30),
        send(0, 0, STRANGER, gas=31_000_000),
        send(0, 0, STRANGER, chain_id=902),
        replace(send(0, 0, STRANGER), s=2**256 - 1),
    ],
    ids=["nonce", "fee", "gas", "funds", "block gas", "chain", "signature"],
)
def test_a_transaction_that_may_not_go_in_leaves_the_deposits_alone(bad):
    stepper = Stepper("karst")
    first = deposit(USERS[1], STRANGER, mint=7, value=3, salt=1)
    wanted = stepper.prepared(first)
    asked = stepper.prepared(first)
    inputs = step_blocks.inputs_with(
        stepper.config,
        stepper.headers[-1],
        attributes(stepper.chain, first, send(2, 0, STRANGER), bad),
    )
    claim = replace(asked.first.pending, inputs=inputs)
    block = replace(asked, first=replace(asked.first, pending=claim))
    last, _, header_hash = step_blocks.run(block)
    assert header_hash == wanted.result.header.hash
    assert last.phase == Phase.VALID
    assert step_blocks.verify(block) > 10
