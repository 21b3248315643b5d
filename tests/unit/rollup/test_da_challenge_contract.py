"""DataAvailabilityChallenge: each way from one status to the next, and not a wei lost or made."""

from __future__ import annotations

import pytest
from contract_bench import ContractBench, call_data
from hypothesis import given, settings
from hypothesis import strategies as st

from chain import abi
from chain.crypto.keccak import keccak256
from chain.types import ZERO_ADDRESS, Address
from rollup.settlement.deploy import artifact

CHALLENGE_WINDOW, RESOLVE_WINDOW, BOND_WEI, REFUND_PERCENT = 4, 3, 10**6, 40
OWNER, ALICE, BOB = (Address(bytes((n,)) * 20) for n in (1, 2, 3))
DATA = b"frames of a batcher"
COMMITMENT = b"\x00" + keccak256(DATA)
NONE, ACTIVE, RESOLVED, EXPIRED = range(4)
STATUS_CHANGED = keccak256(b"ChallengeStatusChanged(uint256,bytes,uint8)")
FIXED_GAS, GAS_PER_KB = 72_925, 16_640


class Bench(ContractBench):
    """The contract on a chain of its own, and two people with ether."""

    def __init__(self, *, base_fee_wei: int = 7, bond_wei: int = BOND_WEI) -> None:
        super().__init__(base_fee_wei=base_fee_wei)
        for account in (ALICE, BOB):
            self.state.set_balance(account, 10**12)
        made = abi.encode(
            ["address", "uint256", "uint256", "uint256", "uint256"],
            [OWNER, CHALLENGE_WINDOW, RESOLVE_WINDOW, bond_wei, REFUND_PERCENT],
        )
        code = artifact("DataAvailabilityChallenge")["bytecode"]
        self.at = self.deploy(bytes.fromhex(code[2:]) + made)

    @property
    def number(self) -> int:
        return self.state.execution_context.block_number

    def call(self, signature, *args, sender=ALICE, value=0):
        return self.send(self.at, call_data(signature, *args), sender=sender, value=value)

    def challenge(self, number=None, commitment=COMMITMENT, *, sender=ALICE, value=BOND_WEI):
        at = self.number if number is None else number
        return self.call("challenge(uint256,bytes)", at, commitment, sender=sender, value=value)

    def resolve(self, number, data=DATA, commitment=COMMITMENT, *, sender=BOB):
        signature = "resolve(uint256,bytes,bytes)"
        return self.call(signature, number, commitment, data, sender=sender)

    def status(self, number, commitment=COMMITMENT) -> int:
        return self.view(
            self.at, "getChallengeStatus(uint256,bytes)", ["uint8"], number, commitment
        )

    def balance(self, account) -> int:
        return self.view(self.at, "balances(address)", ["uint256"], "0x" + account.hex())

    def advance_blocks(self, count: int) -> None:
        for _ in range(count):
            self.advance(12)


@pytest.fixture
def bench():
    return Bench()


def test_a_challenge_locks_its_bond_and_says_so(bench) -> None:
    number = bench.number
    made = bench.challenge(value=BOND_WEI + 5)
    assert made.succeeded
    assert bench.status(number) == ACTIVE
    assert bench.balance(ALICE) == 5
    log = made.logs[-1]
    assert log.topics == (STATUS_CHANGED, number.to_bytes(32, "big"))
    assert abi.decode(["bytes", "uint8"], log.data) == (COMMITMENT, ACTIVE)


def test_only_a_commitment_within_the_window_can_be_challenged(bench) -> None:
    number = bench.number
    assert bench.challenge(number + 1).refused_with("ChallengeWindowNotOpen()")
    oldest = number - CHALLENGE_WINDOW
    assert bench.challenge(oldest - 1).refused_with("ChallengeWindowNotOpen()")
    assert bench.challenge(oldest).succeeded


def test_a_challenge_is_made_once(bench) -> None:
    number = bench.number
    assert bench.challenge().succeeded
    assert bench.challenge().refused_with("ChallengeExists()")
    bench.advance_blocks(RESOLVE_WINDOW + 1)
    assert bench.challenge(number).refused_with("ChallengeExists()")


def test_less_than_the_bond_is_not_enough(bench) -> None:
    refused = bench.challenge(value=BOND_WEI - 1)
    assert refused.refused_with("BondTooLow(uint256,uint256)")
    assert abi.decode(["uint256", "uint256"], refused.output[4:]) == (BOND_WEI - 1, BOND_WEI)


@pytest.mark.parametrize(
    ("commitment", "error"),
    [
        (b"", "InvalidCommitmentLength(uint8,uint256,uint256)"),
        (COMMITMENT[:-1], "InvalidCommitmentLength(uint8,uint256,uint256)"),
        (COMMITMENT + b"\x00", "InvalidCommitmentLength(uint8,uint256,uint256)"),
        (b"\x01" + COMMITMENT[1:], "UnknownCommitmentType(uint8)"),
    ],
)
def test_what_is_no_commitment_is_refused_everywhere(bench, commitment, error) -> None:
    number = bench.number
    assert bench.call("validateCommitment(bytes)", commitment).refused_with(error)
    assert bench.challenge(commitment=commitment).refused_with(error)
    assert bench.resolve(number, commitment=commitment).refused_with(error)
    assert bench.call("unlockBond(uint256,bytes)", number, commitment).refused_with(error)


def test_the_data_resolve_a_challenge_until_the_last_block_of_the_window(bench) -> None:
    number = bench.number
    assert bench.resolve(number).refused_with("ChallengeNotActive()")
    bench.challenge()
    assert bench.resolve(number, b"other").refused_with("InvalidInputData(bytes,bytes)")
    bench.advance_blocks(RESOLVE_WINDOW)
    shown = bench.resolve(number)
    assert shown.succeeded
    assert abi.decode(["bytes", "uint8"], shown.logs[0].data) == (COMMITMENT, RESOLVED)
    assert bench.status(number) == RESOLVED
    assert bench.resolve(number).refused_with("ChallengeNotActive()")
    assert bench.call("unlockBond(uint256,bytes)", number, COMMITMENT).refused_with(
        "ChallengeNotExpired()"
    )


def test_a_challenge_without_an_answer_expires_and_gives_its_bond_back(bench) -> None:
    number = bench.number
    bench.challenge()
    bench.advance_blocks(RESOLVE_WINDOW)
    unlock = ("unlockBond(uint256,bytes)", number, COMMITMENT)
    assert bench.call(*unlock, sender=BOB).refused_with("ChallengeNotExpired()")
    bench.advance_blocks(1)
    assert bench.status(number) == EXPIRED
    assert bench.resolve(number).refused_with("ChallengeNotActive()")
    assert bench.call(*unlock, sender=BOB).succeeded
    assert (bench.balance(ALICE), bench.balance(BOB)) == (BOND_WEI, 0)
    assert bench.call(*unlock, sender=BOB).succeeded
    assert bench.balance(ALICE) == BOND_WEI


def test_withdrawing_empties_the_balance_and_a_refusal_keeps_it(bench) -> None:
    assert bench.call("deposit()", value=9).succeeded
    before = bench.state.get_balance(ALICE)
    assert bench.call("withdraw()").succeeded
    assert (bench.balance(ALICE), bench.state.get_balance(ALICE)) == (0, before + 9)
    bench.place(BOB, bytes.fromhex("5f5ffd"))
    assert bench.call("deposit()", sender=BOB, value=7).succeeded
    assert bench.call("withdraw()", sender=BOB).refused_with("WithdrawalFailed()")
    assert bench.balance(BOB) == 7


def test_only_the_owner_changes_bond_and_share(bench) -> None:
    share = "setResolverRefundPercentage(uint256)"
    assert not bench.call("setBondSize(uint256)", 1).succeeded
    assert not bench.call(share, 1).succeeded
    assert bench.call("setBondSize(uint256)", 1, sender=OWNER).succeeded
    assert bench.call(share, 100, sender=OWNER).succeeded
    refused = bench.call(share, 101, sender=OWNER)
    assert refused.refused_with("InvalidResolverRefundPercentage(uint256)")
    assert bench.view(bench.at, "bondSize()", ["uint256"]) == 1


@given(
    bond_wei=st.integers(0, 10**9),
    base_fee_wei=st.integers(0, 5_000),
    size=st.integers(0, 2_000),
)
@settings(max_examples=15, deadline=None)
def test_a_resolved_bond_goes_to_challenger_resolver_and_fire_to_the_wei(
    bond_wei, base_fee_wei, size
) -> None:
    bench, data = Bench(base_fee_wei=base_fee_wei, bond_wei=bond_wei), bytes(size)
    commitment, number = b"\x00" + keccak256(data), bench.number
    assert bench.challenge(commitment=commitment, value=bond_wei).succeeded
    assert bench.resolve(number, data, commitment).succeeded
    cost = (FIXED_GAS + size * GAS_PER_KB // 1_000) * base_fee_wei
    refund = min(cost * REFUND_PERCENT // 100, bond_wei)
    back = max(bond_wei - cost, 0)
    burnt = bench.state.get_balance(ZERO_ADDRESS)
    assert bench.balance(ALICE) == back
    assert bench.balance(BOB) == refund
    assert back + refund + burnt == bond_wei
    assert bench.state.get_balance(bench.at) == back + refund
