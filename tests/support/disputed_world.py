"""A rollup whose games ask L1 what blocks are made of: inputs, verifier of steps and games, cranked
by hand on one L1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from actors import DEPLOYER, FEES, L1_BLOCK_TIME
from contract_bench import call_data
from inbox_world import ProvingWorld

from chain.transaction import sign_transaction
from evm.call import CallRequest
from evm.forks import rules_at
from evm.step_rules import step_rules_of
from genesis.allocation import genesis_block
from genesis.dev_accounts import dev_account
from rollup.challenger.plan import play_of
from rollup.challenger.reading import (
    claim_views,
    head_views,
    read_game,
    read_head,
    read_inputs,
)
from rollup.dispute.game import GameStatus
from rollup.dispute.split import agreed_roots
from rollup.dispute.strategy import next_resolution
from rollup.l1.calls import View, encode_call, view
from rollup.proposer.calls import create_game
from rollup.settlement.deploy import (
    CONTRACTS,
    GAME_TYPE,
    DeploymentFees,
    created_address,
)
from rollup.settlement.step_verifier import (
    fork_rules,
    verifier_creations,
    verifier_transactions,
)

HONEST, LIAR = dev_account("challenger"), dev_account("proposer")
CLOCK_S, EXTENSION_S = 3_000, 100
_INBOX_NONCE = len(CONTRACTS)
_INPUTS_NONCE = _INBOX_NONCE + 1
_VERIFIER_NONCE = _INPUTS_NONCE + 3
_A_BLOCK = 5


class DisputedWorld(ProvingWorld):
    """A ProvingWorld with games about its chain."""

    def parameters(self, preset):
        found = super().parameters(preset)
        steps = self._verifier()
        return replace(
            found,
            settlement=replace(
                found.settlement, max_clock_s=CLOCK_S, clock_extension_s=EXTENSION_S
            ),
            step_verifier=steps[-1].address,
            block_inputs=created_address(DEPLOYER.address, _INPUTS_NONCE + 2),
        )

    def __post_init__(self):
        super().__post_init__()
        steps = self._verifier()
        creations = verifier_transactions(
            steps, nonce=_VERIFIER_NONCE, l1_chain_id=self.miner.chain_id,
            fees=DeploymentFees(**FEES),
        )  # fmt: skip
        for start in range(0, len(creations), _A_BLOCK):
            for creation in creations[start : start + _A_BLOCK]:
                self.miner.send(sign_transaction(creation, DEPLOYER.private_key))
            self.miner.mine(seconds=1)
        assert not self.miner.queue
        self.miner._nonces.clear()
        assert self.proofs.block_inputs == created_address(DEPLOYER.address, _INPUTS_NONCE + 2)

    def _verifier(self):
        header = genesis_block(self.spec)[0].header
        rules = fork_rules(step_rules_of(rules_at(self.spec.config, header.timestamp)))
        return verifier_creations(DEPLOYER.address, _VERIFIER_NONCE, rules)

    def ask(self, question: View):
        request = CallRequest(sender=HONEST.address, to=question.to, data=question.data)
        outcome = self.miner.engine.call(request, self.miner.head)
        assert outcome.error is None, outcome
        return question.read(outcome.output)

    def call(self, who, to, data, *, value=0):
        """Send a call in an L1 block of its own; whether it succeeded, else what refused it."""
        request = CallRequest(sender=who.address, to=to, data=data, value=value)
        refusal = self.miner.engine.call(request, self.miner.head).output
        self.miner.send_as(who, to=to, data=data, value=value, gas_limit=10_000_000)
        block = self.miner.mine(seconds=2)
        succeeded = block.receipts[-1].succeeded
        return succeeded, b"" if succeeded else refusal

    def claim(self, who, root, number):
        """Make a game; it, or what refused it."""
        at = self.contracts.dispute_game_factory
        bond = self.ask(view(at, "initBonds(uint32)", "uint256", GAME_TYPE))
        succeeded, refusal = self.call(
            who, at, create_game(GAME_TYPE, root, number, None), value=bond
        )
        if not succeeded:
            return refusal
        count = self.ask(view(at, "gameCount()", "uint256"))
        question = view(at, "gameAtIndex(uint256)", "uint32,uint64,address", count - 1)
        return DisputedGame(self, self.ask(question)[2])

    def reach(self, number):
        """Go on until the verifier has block `number`, and L1's time is behind its own."""
        while self.verifier.safe.number < number:
            self.sequencer.build(max(1, min(6, number - self.sequencer.unsafe.number)))
            self.batcher.submit()
            self.miner.mine()
            self.verifier.derive()
        while self.miner.head.timestamp < self.verifier.safe.header.timestamp:
            self.miner.mine(seconds=L1_BLOCK_TIME)
        return self.verifier.engine.block_by_number(number)


@dataclass
class DisputedGame:
    """One game, read and played as a node does."""

    world: DisputedWorld
    address: bytes

    def read(self):
        head = read_head(self.address, [self.world.ask(each) for each in head_views(self.address)])
        game = read_game(head, [self.world.ask(each) for each in claim_views(head)])
        agreed = agreed_roots(game)
        at = self.world.proofs.block_inputs
        views = [view(at, "inputsRoot(bytes32)", "bytes32", root) for root in agreed]
        read_inputs(game, agreed, [self.world.ask(each) for each in views])
        return game

    def turn(self, who, trace):
        """What one side does now: (its calls, what refused each, blocks of unproven inputs)."""
        play = play_of(self.read(), trace, self.world.miner.head.timestamp, _unexpected)
        done = [
            (each, *self.world.call(who, self.address, each.data, value=each.value_wei))
            for each in play.calls
        ]
        return done, play.unproven

    def play(self, honest, liar):
        """Both sides until neither can go on; moves, the honest steps, and what is unproven."""
        moves, steps, quiet, unproven = 0, [], 0, []
        while quiet < 2:
            quiet += 1
            for who, trace in ((HONEST, honest), (LIAR, liar)):
                done, wanted = self.turn(who, trace)
                if who is HONEST:
                    unproven = wanted
                for call, succeeded, refusal in done:
                    is_step = call.says.startswith("step")
                    assert succeeded or (is_step and who is LIAR), (call.says, refusal)
                    moves += not is_step
                    steps += [call] if is_step and succeeded else []
                    quiet = 0 if succeeded else quiet
        return moves, steps, unproven

    def end(self):
        """Let the clocks run out and resolve everything; the verdict."""
        self.world.miner.mine(seconds=2 * CLOCK_S)
        game = self.read()
        while (found := next_resolution(game, self.world.miner.head.timestamp)) is not None:
            _, index = found
            if 0 in game.resolved:
                break
            data = encode_call("resolveClaim(uint256,uint256)", index, 0)
            assert self.world.call(HONEST, self.address, data) == (True, b"")
            game.resolved.add(index)
        assert self.world.call(HONEST, self.address, call_data("resolve()"))[0]
        return GameStatus(self.world.ask(view(self.address, "status()", "uint8")))


def _unexpected(index, error):
    raise AssertionError(f"claim {index}: {error}")
