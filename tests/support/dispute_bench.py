"""A dispute game on the bench whose single steps the counter's machine verifies, in Vyper."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import vyper
from contract_bench import ContractBench, Outcome, call_data
from counter_machine import output_root
from dispute_games import HONEST, LIAR
from settlement import INPUTS_ROOT, PARAMETERS, SETTLEMENT, Rollup

from chain import abi
from chain.types import Address, Hash32, Wei
from rollup.dispute import position as positions
from rollup.dispute.claim import NO_PARENT, Claim
from rollup.dispute.clock import ClockLimits, unpack_clock
from rollup.dispute.game import Game, GameParameters, GameStatus, Subject, game_of
from rollup.dispute.position import Position
from rollup.dispute.strategy import Move, Step, next_resolution

VERIFIER = Address(b"\x7e" * 20)
CLAIM_FIELDS = ["uint32", "address", "address", "uint128", "bytes32", "uint128", "uint128"]


@cache
def counter_vm(kind: str = "bytecode_runtime") -> bytes:
    """The machine's code: `bytecode` creates it."""
    source = Path(__file__).with_name("counter_vm.vy").read_text()
    return bytes.fromhex(vyper.compile_code(source, output_formats=[kind])[kind][2:])


def place_counter_vm(bench: ContractBench) -> None:
    """Put the machine where the games look for it."""
    bench.place(VERIFIER, counter_vm())


@dataclass
class GameOnBench:
    """One game, called as its players call it."""

    rollup: Rollup
    game: Address
    subject: Subject
    parameters: GameParameters

    @property
    def bench(self) -> ContractBench:
        return self.rollup.bench

    def view(self, signature: str, returns: list[str], *arguments: Any) -> Any:
        return self.bench.view(self.game, signature, returns, *arguments)

    def claim(self, index: int) -> Claim:
        """A claim as the contract has it."""
        parent, countered_by, claimant, bond, value, position, clock = self.view(
            "claimData(uint256)", CLAIM_FIELDS, index
        )
        return Claim(
            None if parent == NO_PARENT else parent, Address(countered_by), Address(claimant),
            Wei(bond), Hash32(value), Position(position), unpack_clock(clock),
        )  # fmt: skip

    def read(self) -> Game:
        """The whole game, as its contract has it."""
        count = self.view("claimDataLen()", ["uint256"])
        return game_of(self.parameters, self.subject, [self.claim(i) for i in range(count)])

    def send(self, who: Address, signature: str, *arguments: Any, value: int = 0) -> Outcome:
        return self.bench.send(self.game, call_data(signature, *arguments), sender=who, value=value)

    def call(self, action: Move | Step) -> bytes:
        """The calldata of a move or a step."""
        if isinstance(action, Step):
            return call_data(
                "step(uint256,bool,bytes,bytes)", action.claim_index, action.is_attack,
                action.data.state_data, action.data.proof,
            )  # fmt: skip
        return call_data(
            "move(bytes32,uint256,bytes32,bool)", self.claim(action.parent_index).value,
            action.parent_index, action.value, action.is_attack,
        )  # fmt: skip

    def act(self, action: Move | Step, who: Address) -> Outcome:
        """Make a move or a step."""
        data = self.call(action)
        bond = 0
        if isinstance(action, Move):
            parent = self.claim(action.parent_index)
            target = positions.move(parent.position, is_attack=action.is_attack)
            bond = self.parameters.bond_wei(target)
        return self.bench.send(self.game, data, sender=who, value=bond)

    def resolve_claim(self, index: int, limit: int = 0) -> Outcome:
        return self.send(HONEST, "resolveClaim(uint256,uint256)", index, limit)


def new_game(
    root: Hash32,
    l2_number: int,
    *,
    creator: Address,
    split: int = 30,
    deepest: int = 58,
    start: int = 0,
) -> GameOnBench:
    """Contracts with the counter's machine, and a game about a block of the counter's chain."""
    settlement = replace(SETTLEMENT, max_game_depth=deepest, split_depth=split)
    parameters = replace(
        PARAMETERS, settlement=settlement, step_verifier=VERIFIER,
        anchor_root=output_root(start), anchor_number=start,
    )  # fmt: skip
    rollup = Rollup(parameters)
    place_counter_vm(rollup.bench)
    for account in (HONEST, LIAR):
        rollup.bench.state.set_balance(account, 10**24)
    _, game = rollup.propose(root, l2_number, proposer=creator)
    l1_head = rollup.bench.view(game, "l1Head()", ["bytes32"])
    return GameOnBench(
        rollup,
        game,
        Subject(output_root(start), start, l2_number, Hash32(l1_head), INPUTS_ROOT),
        GameParameters(
            deepest,
            split,
            ClockLimits(settlement.max_clock_s, settlement.clock_extension_s),
            settlement.base_bond_gwei * 10**9,
            settlement.bond_growth_ppm * 10**12,
        ),
    )


def end(game: GameOnBench) -> GameStatus:
    """Let the clocks run out, resolve everything."""
    game.bench.advance(2 * game.parameters.clocks.max_clock_s)
    resolved = game.read()
    while (found := next_resolution(resolved, game.bench.now)) is not None:
        _, index = found
        if 0 in resolved.resolved:
            break
        assert game.resolve_claim(index).succeeded
        resolved.resolved.add(index)
    assert game.send(HONEST, "resolve()").succeeded
    return GameStatus(game.view("status()", ["uint8"]))


def refusal(outcome: Outcome, names: list[str]) -> str | None:
    """The name of the error that a call was refused with; None where it succeeded."""
    if outcome.succeeded:
        return None
    for name in names:
        for arguments in ("()", "(bytes32)"):
            if outcome.output[:4] == abi.selector(name + arguments):
                return name
    if outcome.output[:4] == abi.selector("Error(string)"):
        return outcome.reason
    return outcome.output.hex() or "reverted"
