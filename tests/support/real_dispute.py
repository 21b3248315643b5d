"""A dispute about a real chain on the bench, decided by the contracts that a rollup deploys."""

from __future__ import annotations

from dataclasses import dataclass, replace

from contract_bench import SENDER, Outcome
from dispute_bench import GameOnBench
from dispute_games import HONEST, LIAR
from settlement import PARAMETERS, SETTLEMENT, Rollup

from chain.types import Address, Hash32
from evm.engine import ExecutionEngine
from evm.forks import rules_at
from evm.step_rules import step_rules_of
from rollup.dispute.clock import ClockLimits
from rollup.dispute.game import GameParameters, Subject
from rollup.dispute.outputs import ChainOutputs
from rollup.dispute.strategy import Move, Step, next_actions
from rollup.dispute.trace import TraceProvider
from rollup.settlement.deploy import CONTRACTS
from rollup.settlement.step_verifier import fork_rules, verifier_creations


@dataclass
class RealDispute:
    """A game about the last block of a chain, at full depth, with the verifier of its fork."""

    chain: ExecutionEngine
    game: GameOnBench

    @staticmethod
    def about(
        chain: ExecutionEngine, root: Hash32, creator: Address, inputs: Hash32
    ) -> RealDispute:
        """Deploy all and make the game."""
        honest, number = ChainOutputs(chain), chain.heads.safe.number
        first = len(CONTRACTS)
        anchor = honest.output_root(0)
        rules = step_rules_of(rules_at(chain.config, chain.header_by_number(number).timestamp))
        creations = verifier_creations(SENDER, first, fork_rules(rules))
        rollup = Rollup(
            replace(
                PARAMETERS,
                anchor_root=anchor,
                anchor_number=0,
                step_verifier=creations[-1].address,
            )
        )
        for creation in creations:
            assert rollup.bench.deploy(creation.data) == creation.address
        for account in (HONEST, LIAR):
            rollup.bench.state.set_balance(account, 10**24)
        _, address = rollup.propose(root, number, proposer=creator, inputs=inputs)
        l1_head = Hash32(rollup.bench.view(address, "l1Head()", ["bytes32"]))
        settlement = SETTLEMENT
        parameters = GameParameters(
            settlement.max_game_depth,
            settlement.split_depth,
            ClockLimits(settlement.max_clock_s, settlement.clock_extension_s),
            settlement.base_bond_gwei * 10**9,
            settlement.bond_growth_ppm * 10**12,
        )
        subject = Subject(anchor, 0, number, l1_head, inputs)
        return RealDispute(chain, GameOnBench(rollup, address, subject, parameters))


def play(
    dispute: RealDispute, honest: TraceProvider, liar: TraceProvider
) -> tuple[int, list[tuple[Address, Step, Outcome]]]:
    """Both sides in turn until neither has anything to do; moves, and the honest side's steps.

    A step that is refused is tried once.
    """
    game, moves, steps, quiet = dispute.game, 0, [], 0
    while quiet < 2:
        quiet += 1
        for who, trace in ((HONEST, honest), (LIAR, liar)):
            for action in next_actions(game.read(), trace):
                is_step = isinstance(action, Step)
                if is_step and who == HONEST and steps:
                    continue
                outcome = game.act(action, who)
                if who == HONEST and not is_step:
                    assert outcome.succeeded, (action, outcome.output)
                if outcome.succeeded:
                    quiet = 0
                    moves += isinstance(action, Move)
                if is_step and (outcome.succeeded or who == HONEST):
                    steps.append((who, action, outcome))
    return moves, steps
