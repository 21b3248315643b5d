"""The dispute game: who may move where and when, who wins, and where each bond goes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from contract_bench import SENDER, call_data
from settlement import (
    GUARDIAN,
    INPUTS_ROOT,
    PARAMETERS,
    PROPOSER,
    SETTLEMENT,
    Rollup,
    extra_data,
)

from chain import abi, rlp
from chain.abi import event_topic
from chain.crypto.keccak import keccak256
from chain.types import ZERO_ADDRESS, Address, Hash32
from genesis.allocation import dev_l1_genesis, genesis_block
from rollup.settlement.deploy import GAME_TYPE
from rollup.wire.output_root import OutputV0

ROOT = Hash32(b"\xee" * 32)
CHALLENGER = Address(b"\xc4" * 20)
CLAIM_FIELDS = ["uint32", "address", "address", "uint128", "bytes32", "uint128", "uint128"]
IN_PROGRESS, CHALLENGER_WINS, DEFENDER_WINS = 0, 1, 2
NO_PARENT = 2**32 - 1


class Table:
    """A game and its players."""

    def __init__(self, parameters=PARAMETERS) -> None:
        self.rollup = Rollup(parameters)
        self.bench, self.at = self.rollup.bench, self.rollup.at
        self.bench.state.set_balance(CHALLENGER, 10**24)
        self.index, self.game = self.rollup.propose(ROOT, 7)

    def view(self, signature, returns, *arguments):
        return self.bench.view(self.game, signature, returns, *arguments)

    def claim(self, index):
        return self.view("claimData(uint256)", CLAIM_FIELDS, index)

    def bond(self, position):
        return self.view("getRequiredBond(uint128)", ["uint256"], position)

    def move(self, parent, claim, *, attack=True, sender=CHALLENGER, value=None):
        _, _, _, _, disputed, position, _ = self.claim(parent)
        target = 2 * position if attack else 2 * (position | 1)
        call = call_data("move(bytes32,uint256,bytes32,bool)", disputed, parent, claim, attack)
        paid = self.bond(target) if value is None else value
        return self.bench.send(self.game, call, sender=sender, value=paid)

    def resolve_claim(self, index, count=0):
        return self.bench.send(self.game, call_data("resolveClaim(uint256,uint256)", index, count))

    def finish(self, *order):
        """Resolve the claims in this order, then the game; the verdict."""
        for index in order:
            outcome = self.resolve_claim(index)
            assert outcome.succeeded, (index, outcome.output)
        outcome = self.bench.send(self.game, call_data("resolve()"))
        assert outcome.succeeded, outcome.output
        return abi.decode(["uint8"], outcome.output)[0]

    def collect(self, account):
        """Both steps of claimCredit; what the account has gained."""
        before = self.bench.state.get_balance(account)
        for wait_s in (SETTLEMENT.game_finality_delay_s + 1, SETTLEMENT.bond_delay_s):
            self.bench.advance(wait_s)
            self.bench.send(self.game, call_data("claimCredit(address)", account))
        return self.bench.state.get_balance(account) - before


@pytest.fixture
def table():
    return Table()


def word(text):
    return Hash32(text.ljust(32, b"\x00"))


def test_a_new_game_says_what_it_is_about(table):
    assert table.view("gameType()", ["uint32"]) == GAME_TYPE
    assert table.view("rootClaim()", ["bytes32"]) == ROOT
    assert table.view("gameCreator()", ["address"]) == PROPOSER
    assert table.view("l2BlockNumber()", ["uint256"]) == 7
    assert table.view("l2SequenceNumber()", ["uint256"]) == 7
    assert table.view("extraData()", ["bytes"]) == extra_data(7)
    assert table.view("gameData()", ["uint32", "bytes32", "bytes"]) == (
        GAME_TYPE, ROOT, extra_data(7),
    )  # fmt: skip
    assert table.view("inputsRoot()", ["bytes32"]) == INPUTS_ROOT
    assert table.view("absolutePrestate()", ["bytes32"]) == bytes(32)
    assert table.view("createdAt()", ["uint64"]) == table.bench.now
    assert table.view("resolvedAt()", ["uint64"]) == 0
    assert table.view("status()", ["uint8"]) == IN_PROGRESS
    assert table.view("l1Head()", ["bytes32"]) == bytes([1]) * 32
    assert table.view("startingOutputRoot()", ["bytes32", "uint256"]) == (b"\xa0" * 32, 0)
    assert table.view("wasRespectedGameTypeWhenCreated()", ["bool"])
    assert table.view("l2ChainId()", ["uint256"]) == 901
    assert table.view("maxGameDepth()", ["uint256"]) == 58
    assert table.view("splitDepth()", ["uint256"]) == 30
    clock = table.bench.now
    assert table.claim(0) == (
        NO_PARENT, ZERO_ADDRESS, PROPOSER, table.rollup.bond, ROOT, 1, clock,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("asks", "data"),
    [
        (False, extra_data(7)[:32]),
        (True, extra_data(7)),
        (True, b""),
        (False, extra_data(7) + b"1"),
    ],
    ids=["too short", "with inputs that L1 computes", "none", "too long"],
)
def test_extra_data_of_another_length_is_refused(asks, data):
    at = Address(b"\x0b" * 20) if asks else ZERO_ADDRESS
    rollup = Rollup(replace(PARAMETERS, block_inputs=at))
    create = call_data("create(uint32,bytes32,bytes)", GAME_TYPE, ROOT, data)
    outcome = rollup.bench.send(
        rollup.at.dispute_game_factory, create, value=rollup.bond, sender=PROPOSER
    )
    assert outcome.refused_with("BadExtraData()")


def test_a_game_about_inputs_that_l1_computes_says_so():
    at = Address(b"\x0b" * 20)
    rollup = Rollup(replace(PARAMETERS, block_inputs=at))
    create = call_data("create(uint32,bytes32,bytes)", GAME_TYPE, ROOT, extra_data(7)[:32])
    outcome = rollup.bench.send(
        rollup.at.dispute_game_factory, create, value=rollup.bond, sender=PROPOSER
    )
    (game,) = abi.decode(["address"], outcome.output)
    assert rollup.bench.view(game, "blockInputs()", ["address"]) == at
    assert rollup.bench.view(game, "extraData()", ["bytes"]) == extra_data(7)[:32]
    assert rollup.bench.view(game, "gameData()", ["uint32", "bytes32", "bytes"]) == (
        GAME_TYPE, ROOT, extra_data(7)[:32],
    )  # fmt: skip


def test_a_game_about_a_block_that_has_had_no_time_is_refused():
    rollup = Rollup()
    number = rollup.bench.now // PARAMETERS.l2_block_time
    rollup.propose(ROOT, number)
    create = call_data("create(uint32,bytes32,bytes)", GAME_TYPE, ROOT, extra_data(number + 1))
    outcome = rollup.bench.send(
        rollup.at.dispute_game_factory, create, value=rollup.bond, sender=PROPOSER
    )
    assert outcome.refused_with("BlockInFuture()")


def test_the_factory_lists_games_and_makes_each_once(table):
    factory, number = table.at.dispute_game_factory, extra_data(7)
    at, time = table.bench.view(
        factory, "games(uint32,bytes32,bytes)", ["address", "uint64"], GAME_TYPE, ROOT, number
    )
    assert (at, time) == (table.game, table.bench.now)
    assert table.bench.view(
        factory, "gameAtIndex(uint256)", ["uint32", "uint64", "address"], 0
    ) == (GAME_TYPE, table.bench.now, table.game)
    create = call_data("create(uint32,bytes32,bytes)", GAME_TYPE, ROOT, number)
    again = table.bench.send(factory, create, value=table.rollup.bond)
    assert again.refused_with("GameAlreadyExists(bytes32)")
    cheap = table.bench.send(factory, create, value=table.rollup.bond - 1)
    assert cheap.refused_with("IncorrectBondAmount()")
    unknown = call_data("create(uint32,bytes32,bytes)", 0, ROOT, number)
    assert table.bench.send(factory, unknown).refused_with("NoImplementation(uint32)")


def test_the_factory_finds_the_latest_games_newest_first(table):
    for number in range(8, 12):
        table.rollup.propose(word(bytes([number])), number)
    (found,) = [
        table.bench.view(
            table.at.dispute_game_factory,
            "findLatestGames(uint32,uint256,uint256)",
            ["(uint256,bytes32,uint64,bytes32,bytes)[]"],
            GAME_TYPE, 3, 3,
        )
    ]  # fmt: skip
    assert [item[0] for item in found] == [3, 2, 1]
    assert [item[3][0] for item in found] == [10, 9, 8]
    assert [int.from_bytes(item[4][:32], "big") for item in found] == [10, 9, 8]
    assert all(item[1][:4] == GAME_TYPE.to_bytes(4, "big") for item in found)


@pytest.mark.parametrize("number", [0, 2**64])
def test_a_game_is_about_a_block_after_the_anchor(table, number):
    create = call_data("create(uint32,bytes32,bytes)", GAME_TYPE, ROOT, extra_data(number))
    refused = table.bench.send(table.at.dispute_game_factory, create, value=table.rollup.bond)
    assert refused.refused_with("UnexpectedRootClaim(bytes32)")


def test_a_game_begins_once_and_only_by_the_factory(table):
    call = call_data("initialize(address,bytes32,bytes32,bytes)", SENDER, ROOT, ROOT, bytes(32))
    assert table.bench.send(table.game, call).refused_with("AlreadyInitialized()")
    implementation = table.at.fault_dispute_game
    assert "only the factory" in table.bench.send(implementation, call).reason


def test_an_unanswered_claim_stands_and_its_bond_comes_back(table):
    assert table.resolve_claim(0).refused_with("ClockNotExpired()")
    table.bench.advance(SETTLEMENT.max_clock_s)
    assert table.finish(0) == DEFENDER_WINS
    assert table.view("status()", ["uint8"]) == DEFENDER_WINS
    assert table.view("resolvedAt()", ["uint64"]) == table.bench.now
    assert table.collect(PROPOSER) == table.rollup.bond
    assert table.view("bondDistributionMode()", ["uint8"]) == 1
    assert table.bench.state.get_balance(table.at.delayed_weth) == 0


def test_a_closed_game_becomes_the_anchor(table):
    table.bench.advance(SETTLEMENT.max_clock_s)
    table.finish(0)
    table.bench.advance(SETTLEMENT.game_finality_delay_s + 1)
    assert table.bench.send(table.game, call_data("closeGame()")).succeeded
    anchor = table.bench.view(
        table.at.anchor_state_registry, "getAnchorRoot()", ["bytes32", "uint256"]
    )
    assert anchor == (ROOT, 7)
    older = call_data("create(uint32,bytes32,bytes)", GAME_TYPE, ROOT, extra_data(6))
    refused = table.bench.send(table.at.dispute_game_factory, older, value=table.rollup.bond)
    assert refused.refused_with("UnexpectedRootClaim(bytes32)")


def test_a_claim_that_is_attacked_and_not_defended_loses_its_bond(table):
    attack = table.move(0, word(b"lie"))
    assert attack.logs[-1].topics[0] == event_topic("Move(uint256,bytes32,address)")
    table.bench.advance(SETTLEMENT.max_clock_s)
    assert table.resolve_claim(0).refused_with("OutOfOrderResolution()")
    assert table.finish(1, 0) == CHALLENGER_WINS
    assert table.claim(0)[1] == CHALLENGER
    assert table.collect(CHALLENGER) == table.rollup.bond + table.bond(2)
    assert table.collect(PROPOSER) == 0


def test_an_attack_that_is_answered_loses_its_own_bond(table):
    table.move(0, word(b"a"))
    table.bench.advance(10)
    table.move(1, word(b"b"), sender=PROPOSER)
    table.bench.advance(2 * SETTLEMENT.max_clock_s)
    assert table.finish(2, 1, 0) == DEFENDER_WINS
    assert table.collect(PROPOSER) == table.rollup.bond + table.bond(2) + table.bond(4)


def test_the_leftmost_uncountered_answer_wins_the_bond(table):
    left, right = Address(b"\x01" * 20), Address(b"\x02" * 20)
    for account in (left, right):
        table.bench.state.set_balance(account, 10**24)
    table.move(0, word(b"a"))
    table.move(1, word(b"right"), attack=False, sender=right)
    table.move(1, word(b"left"), sender=left)
    table.bench.advance(2 * SETTLEMENT.max_clock_s)
    assert table.finish(2, 3, 1, 0) == DEFENDER_WINS
    assert table.collect(left) == table.bond(2) + table.bond(4)
    assert table.collect(right) == table.bond(6)


def test_positions_follow_the_tree(table):
    table.move(0, word(b"a"))
    table.move(1, word(b"b"))
    table.move(1, word(b"c"), attack=False)
    assert [table.claim(index)[5] for index in range(4)] == [1, 2, 4, 6]
    assert table.view("subgames(uint256,uint256)", ["uint256"], 1, 1) == 3
    assert table.view("getNumToResolve(uint256)", ["uint256"], 1) == 2
    name = keccak256(word(b"b") + (4).to_bytes(16, "big") + (1).to_bytes(32, "big"))
    assert table.view("claims(bytes32)", ["bool"], name)


def test_bonds_grow_with_depth_by_the_same_factor(table):
    base, growth = table.rollup.bond, SETTLEMENT.bond_growth_ppm
    expected = base
    for depth in range(6):
        assert table.bond(1 << depth) == expected
        expected = expected * growth * 10**12 // 10**18
    assert table.bench.send(
        table.game, call_data("getRequiredBond(uint128)", 1 << 59)
    ).refused_with("GameDepthExceeded()")


def test_what_may_not_be_moved(table):
    assert table.move(0, word(b"x"), attack=False).refused_with("CannotDefendRootClaim()")
    assert table.move(0, word(b"x"), value=1).refused_with("IncorrectBondAmount()")
    wrong = call_data("attack(bytes32,uint256,bytes32)", word(b"?"), 0, word(b"x"))
    refused = table.bench.send(table.game, wrong, sender=CHALLENGER, value=table.bond(2))
    assert refused.refused_with("InvalidDisputedClaimIndex()")
    assert table.move(0, word(b"x")).succeeded
    assert table.move(0, word(b"x")).refused_with("ClaimAlreadyExists()")
    beyond = call_data("attack(bytes32,uint256,bytes32)", ROOT, 5, word(b"x"))
    assert "no claim has this index" in table.bench.send(table.game, beyond).reason


def test_nobody_moves_after_the_clock_or_the_verdict(table):
    table.bench.advance(SETTLEMENT.max_clock_s)
    assert table.move(0, word(b"late")).refused_with("ClockTimeExceeded()")
    table.finish(0)
    assert table.move(0, word(b"late")).refused_with("GameNotInProgress()")
    assert table.resolve_claim(0).refused_with("GameNotInProgress()")


def test_clocks_run_for_one_side_at_a_time(table):
    table.bench.advance(100)
    table.move(0, word(b"a"))
    assert table.claim(1)[6] >> 64 == 100
    table.bench.advance(30)
    table.move(1, word(b"b"), sender=PROPOSER)
    assert table.claim(2)[6] >> 64 == 30
    table.bench.advance(7)
    assert table.view("getChallengerDuration(uint256)", ["uint64"], 2) == 107
    table.move(2, word(b"c"))
    assert table.claim(3)[6] >> 64 == 107


def test_a_move_in_the_last_second_leaves_time_for_an_answer(table):
    table.bench.advance(SETTLEMENT.max_clock_s - 1)
    table.move(0, word(b"a"))
    table.move(1, word(b"b"), sender=PROPOSER)
    used = table.claim(1)[6] >> 64
    assert used == SETTLEMENT.max_clock_s - SETTLEMENT.clock_extension_s


def test_a_subgame_may_be_resolved_in_parts(table):
    for name in (b"a", b"b", b"c"):
        table.move(0, word(name))
    table.bench.advance(SETTLEMENT.max_clock_s)
    for index in (1, 2, 3):
        assert table.resolve_claim(index).succeeded
    assert table.resolve_claim(0, 2).succeeded
    assert not table.view("resolvedSubgames(uint256)", ["bool"], 0)
    assert table.view("getNumToResolve(uint256)", ["uint256"], 0) == 1
    assert table.finish(0) == CHALLENGER_WINS


def test_there_is_no_step_verifier_yet(table):
    call = call_data("step(uint256,bool,bytes,bytes)", 0, True, b"", b"")
    assert table.bench.send(table.game, call).refused_with("NoStepVerifier()")
    assert table.view("vm()", ["address"]) == ZERO_ADDRESS


def test_an_output_root_of_another_block_is_thrown_out_by_its_header(table):
    header = genesis_block(dev_l1_genesis(1_700_000_000))[0].header
    output = OutputV0(Hash32(b"\x01" * 32), Hash32(b"\x02" * 32), header.hash)
    _, game = table.rollup.propose(output.root, 9)
    proof = (bytes(32), output.state_root, output.message_passer_storage_root, header.hash)
    signature = "challengeRootL2Block((bytes32,bytes32,bytes32,bytes32),bytes)"
    wrong = call_data(signature, proof, header.encode() + b"\x00")
    assert table.bench.send(game, wrong).refused_with("InvalidHeaderRLP()")
    call = call_data(signature, proof, header.encode())
    assert table.bench.send(game, call, sender=CHALLENGER).succeeded
    assert table.bench.view(game, "l2BlockNumberChallenged()", ["bool"])
    assert table.bench.view(game, "l2BlockNumberChallenger()", ["address"]) == CHALLENGER
    table.game = game
    assert table.move(0, word(b"a")).refused_with("L2BlockNumberChallenged()")
    table.bench.advance(SETTLEMENT.max_clock_s)
    assert table.finish(0) == CHALLENGER_WINS
    assert table.collect(CHALLENGER) == table.rollup.bond


@pytest.mark.parametrize("number", [1, 127, 128, 255, 256, 2**32, 2**63])
def test_an_output_root_of_the_right_block_cannot_be_thrown_out(number):
    table = Table(replace(PARAMETERS, l2_block_time=0))
    items = rlp.decode(genesis_block(dev_l1_genesis(1_700_000_000))[0].header.encode())
    items[8] = rlp.encode_int(number)
    header = rlp.encode(items)
    output = OutputV0(Hash32(b"\x01" * 32), Hash32(b"\x02" * 32), keccak256(header))
    _, game = table.rollup.propose(output.root, number)
    proof = (bytes(32), output.state_root, output.message_passer_storage_root, output.block_hash)
    signature = "challengeRootL2Block((bytes32,bytes32,bytes32,bytes32),bytes)"
    outcome = table.bench.send(game, call_data(signature, proof, header))
    assert outcome.refused_with("BlockNumberMatches()")


def test_bonds_of_a_game_that_is_struck_out_go_back_to_whoever_paid_them(table):
    table.move(0, word(b"a"))
    table.bench.advance(SETTLEMENT.max_clock_s)
    table.finish(1, 0)
    strike = call_data("blacklistDisputeGame(address)", table.game)
    assert table.bench.send(table.at.anchor_state_registry, strike, sender=GUARDIAN).succeeded
    assert table.collect(CHALLENGER) == table.bond(2)
    assert table.collect(PROPOSER) == table.rollup.bond
    assert table.view("bondDistributionMode()", ["uint8"]) == 2


def test_credit_is_paid_in_two_steps_with_the_delay_between(table):
    table.bench.advance(SETTLEMENT.max_clock_s)
    table.finish(0)
    claim = call_data("claimCredit(address)", PROPOSER)
    assert table.bench.send(table.game, claim).refused_with("GameNotFinalized()")
    table.bench.advance(SETTLEMENT.game_finality_delay_s + 1)
    assert table.bench.send(table.game, claim).succeeded
    assert "delay not met" in table.bench.send(table.game, claim).reason
    table.bench.advance(SETTLEMENT.bond_delay_s)
    assert table.bench.send(table.game, claim).succeeded
    assert table.bench.send(table.game, claim).refused_with("NoCreditToClaim()")


def test_a_pause_stops_the_closing_of_games(table):
    table.bench.advance(SETTLEMENT.max_clock_s)
    table.finish(0)
    table.bench.advance(SETTLEMENT.game_finality_delay_s + 1)
    pause = call_data("pause(address)", ZERO_ADDRESS)
    assert table.bench.send(table.at.superchain_config, pause, sender=GUARDIAN).succeeded
    assert table.bench.send(table.game, call_data("closeGame()")).refused_with("GamePaused()")


def test_the_owner_can_take_bonds_that_a_broken_game_would_pay_out(table):
    weth, owner = table.at.delayed_weth, table.rollup.parameters.owner
    hold = call_data("hold(address)", table.game)
    assert table.bench.send(weth, hold).reason == "DelayedWETH: not owner"
    assert table.bench.send(weth, hold, sender=owner).succeeded
    held = table.bench.view(weth, "balanceOf(address)", ["uint256"], owner)
    assert held == table.rollup.bond
