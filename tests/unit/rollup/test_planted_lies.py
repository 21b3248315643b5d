"""Each kind of lie: it parts from the truth at one step, and goes on by the rules from there."""

from __future__ import annotations

import pytest
from planted_lies import BLOCKS, ENDS_AT, FAULT, chain_of, lying, transactions, whole_chain

from chain.types import ZERO_HASH
from evm.step.opener import encode_witness
from evm.step.stepping import step
from evm.step_words import step_name
from rollup.dispute.faults import Fault, FaultKind, FaultyOutputs, NoPlaceForFault, OneLie
from rollup.dispute.outputs import ChainOutputs

KINDS = pytest.mark.parametrize("kind", list(FaultKind), ids=lambda kind: kind.value)


@KINDS
def test_the_false_trace_parts_at_one_step_and_is_taken_by_the_machine_to_its_end(kind):
    outputs, liar = ChainOutputs(whole_chain()), lying(kind)
    bounds = outputs.bounds_of(FAULT)
    honest, false = outputs.steps(bounds), liar.steps(bounds)
    lie = false.lie
    assert all(false.commitment(at) == honest.commitment(at) for at in range(0, lie, 17))
    assert lie == 0 or false.commitment(lie - 1) == honest.commitment(lie - 1)
    assert false.commitment(lie) != honest.commitment(lie)
    before = honest.trace.state(lie)
    assert step_name(before, honest.begun.opener, honest.begun.rules) == ENDS_AT[kind]
    last = lie + 1 + false._behind.trace.steps
    some = sorted({*range(lie + 1, min(lie + 20, last)), *range(lie + 1, last, 97), last - 1})
    for index in some if last > lie + 1 else []:
        assert false.commitment(index) != honest.commitment(index)
        data = false.step_data(index)
        witness = encode_witness([data.state_data]) + data.proof
        after = step(false.commitment(index - 1), witness, honest.begun.rules)
        assert after == false.commitment(index)
    end = false.commitment(last)
    assert end == false.commitment(last + 1000)
    assert false.output_root not in (honest.output_root, ZERO_HASH)
    assert liar.output_root(FAULT) == false.output_root


def test_each_kind_claims_another_root_and_the_blocks_before_are_true():
    outputs = ChainOutputs(whole_chain())
    roots = {lying(kind).output_root(FAULT) for kind in FaultKind}
    assert len(roots) == len(FaultKind)
    for kind in FaultKind:
        assert lying(kind).output_root(FAULT - 1) == outputs.output_root(FAULT - 1)


@pytest.mark.parametrize(
    ("kind", "needs"),
    [
        (FaultKind.LOG, "a log"),
        (FaultKind.TRANSACTIONS, "two transactions"),
        (FaultKind.DEPOSIT, "a deposit that brings ether"),
        (FaultKind.L1_FEE, "a transaction that is no deposit"),
        (FaultKind.PRECOMPILE, "a call of a native precompile"),
        (FaultKind.WITHDRAWAL, "a withdrawal"),
    ],
    ids=lambda value: getattr(value, "value", ""),
)
def test_a_block_with_its_first_deposit_alone_has_no_place_and_it_is_said_what_it_lacks(
    kind, needs
):
    chain = chain_of([transactions(1)[:1]])
    with pytest.raises(NoPlaceForFault, match=f"L2 block 1, which needs {needs}"):
        FaultyOutputs(ChainOutputs(chain), Fault(kind, 1)).output_root(1)


@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.STORAGE_WRITE, FaultKind.GAS, FaultKind.BASE_FEE, FaultKind.ORIGIN,
        FaultKind.RECEIPT_ROOT, FaultKind.OUTPUT_ROOT,
    ],
    ids=lambda kind: kind.value,
)  # fmt: skip
def test_every_block_has_a_place_for_the_others(kind):
    outputs = ChainOutputs(chain_of([transactions(1)[:1]]))
    liar = FaultyOutputs(outputs, Fault(kind, 1))
    assert liar.output_root(1) != outputs.output_root(1)


def test_a_precompile_of_ethereum_lies_where_the_block_calls_none_of_ours():
    from execution import send
    from planted_lies import HASHER

    outputs = ChainOutputs(chain_of([[*transactions(1)[:1], send(1, 0, HASHER)]]))
    liar = FaultyOutputs(outputs, Fault(FaultKind.PRECOMPILE, 1))
    assert liar.output_root(1) != outputs.output_root(1)
    bounds = outputs.bounds_of(1)
    honest = outputs.steps(bounds)
    before = honest.trace.state(liar.steps(bounds).lie)
    assert step_name(before, honest.begun.opener, honest.begun.rules) == "precompile"


def test_a_planted_lie_is_told_of_its_block_and_of_no_other():
    outputs = ChainOutputs(whole_chain())
    liar = OneLie(outputs, Fault(FaultKind.BASE_FEE, FAULT))
    told = [liar.output_root(number) == outputs.output_root(number) for number in range(BLOCKS + 1)]
    assert told == [number != FAULT for number in range(BLOCKS + 1)]
