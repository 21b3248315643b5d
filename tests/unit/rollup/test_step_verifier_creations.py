"""The transactions that put the verifier of steps on L1."""

from __future__ import annotations

import pytest

from chain.types import Address
from evm.forks import ECOTONE, FJORD, GRANITE, HOLOCENE, ISTHMUS, JOVIAN, KARST
from evm.step_rules import FORK_NUMBERS, step_rules_of
from rollup.settlement.deploy import DeploymentFees, created_address
from rollup.settlement.step_verifier import (
    ROUTER,
    fork_bits,
    fork_rules,
    verifier_creations,
    verifier_transactions,
)

DEPLOYER = Address(b"\x07" * 20)
FEES = DeploymentFees(max_fee_per_gas=10**9, max_priority_fee_per_gas=1)
LARGEST_TRANSACTION_GAS = 2**24
"""EIP-7825."""


def transactions_of(rules):
    creations = verifier_creations(DEPLOYER, 40, fork_rules(step_rules_of(rules)))
    made = verifier_transactions(creations, nonce=40, l1_chain_id=900, fees=FEES)
    return creations, made


def test_each_contract_stands_where_its_creation_says():
    creations, made = transactions_of(ISTHMUS)
    assert [item.nonce for item in made] == list(range(40, 40 + len(creations)))
    for creation, transaction in zip(creations, made, strict=True):
        assert transaction.to is None
        assert transaction.data == creation.data
        assert created_address(DEPLOYER, transaction.nonce) == creation.address


def test_the_router_is_created_last_and_once():
    names = [creation.contract for creation in transactions_of(JOVIAN)[0]]
    assert names[-1] == ROUTER
    assert len(set(names)) == len(names)


def test_each_creation_fits_a_transaction_of_l1():
    assert max(item.gas_limit for item in transactions_of(ISTHMUS)[1]) < LARGEST_TRANSACTION_GAS


@pytest.mark.parametrize(
    ("forks", "others"),
    [
        ((ECOTONE,), (FJORD, ISTHMUS)),
        ((FJORD, GRANITE, HOLOCENE), (ECOTONE, ISTHMUS)),
        ((ISTHMUS, JOVIAN), (HOLOCENE, KARST)),
        ((KARST,), (JOVIAN,)),
    ],
)
def test_a_verifier_decides_the_blocks_of_all_forks_with_the_same_rules_for_steps(forks, others):
    for fork in forks:
        bits = fork_bits(fork_rules(step_rules_of(fork)))
        assert all(bits >> FORK_NUMBERS[each.name] & 1 for each in forks)
        assert not any(bits >> FORK_NUMBERS[each.name] & 1 for each in others)


def test_the_begin_of_blocks_is_told_the_forks():
    creations = {creation.contract: creation.data for creation in transactions_of(JOVIAN)[0]}
    bits = fork_bits(fork_rules(step_rules_of(JOVIAN)))
    assert creations["BlockBeginStep"].endswith(bits.to_bytes(32, "big"))
