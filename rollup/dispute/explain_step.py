"""The one step that decides a game, in words: what is right behind it, what is claimed, and why.

A claim is a hash; what its author believes stands nowhere on L1. Where the claimed commitment is
that of one of the lies that can be planted, it is said which field is false; else that nobody has
shown the state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evm.step.machine import Machine
from evm.step.state import State
from evm.step.stepping import advance
from evm.step.trace import LAST
from evm.step_differences import Difference, differences
from evm.step_words import describe, labelled, listed

from .block_steps import BlockSteps
from .explain import disagreement, is_attack
from .faults import HonestOutputs
from .game import Game
from .input_lies import INPUT_LIES
from .lies import lies_at
from .position import depth
from .split import execution_bounds
from .trace import step_index

_INPUTS_RULE = "a block is made of what L1 gives it, and L1 has computed what that is (BlockInputs)"


@dataclass(frozen=True, slots=True)
class SplitStep:
    """Both sides agree on the state before step `index` and not on the one behind it.

    `claim` speaks of the state behind it: one side has made it and the other has attacked it, or
    has nothing left to do. `false` is the false claim nearest behind the step, and of which step it
    speaks: the step itself where `claim` is the liar's.
    """

    index: int
    claim: int
    false: tuple[int, int]


def single_step(game: Game, steps: BlockSteps, last: int) -> SplitStep | None:
    """The step to which the course that ends in claim `last` has come down; None: not yet one.

    All claims of the trace behind its last step speak of the last state.
    """
    course = _course(game, last)
    agreed, split, false = [-1], [], []
    for index, following in zip(course, [*course[1:], None], strict=True):
        at = step_index(game, game.claims[index].position)
        is_true = steps.commitment(at) == game.claims[index].value
        if not is_true:
            false.append((at, index))
        is_attacked = following is not None and is_attack(game, following)
        if is_attacked or not is_true:
            split.append((at, index))
        else:
            agreed.append(at)
    if not false:
        return None
    at, claim = min(split)
    step = min(at, steps.trace.steps - 1)
    is_single = step - max(each for each in agreed if each < at) == 1
    return SplitStep(step, claim, min(false)) if is_single else None


def _course(game: Game, last: int) -> list[int]:
    """Claims about steps on the way to `last`, from the trace's root on."""
    course, index = [], last
    while depth(game.claims[index].position) > game.parameters.split_depth:
        course.append(index)
        parent = game.claims[index].parent_index
        assert parent is not None  # noqa: S101 - the game's root stands above the split
        index = parent
    return course[::-1]


def step_lines(game: Game, outputs: HonestOutputs) -> list[str]:
    """The deciding step in about ten lines; none where the game has not come down to one step.

    Raises TraceUnknown.
    """
    last = disagreement(game).last
    if depth(game.claims[last].position) <= game.parameters.split_depth:
        return []
    steps = outputs.steps(execution_bounds(game, last))
    split = single_step(game, steps, last)
    if split is None:
        return []
    begun, before = steps.begun, steps.trace.state(split.index)
    words = describe(before, begun.opener, begun.rules)
    lines = [f"one step decides: {words.name}, step {split.index} of {steps.trace.steps}"]
    false_inputs = _false_inputs(game, outputs, split)
    for line in words.lines:
        if line.startswith("rule"):
            claimed = false_inputs or _claimed(game, steps, split, words.after)
            lines.append(labelled("claimed", claimed))
            line = labelled("rule", _INPUTS_RULE) if false_inputs else line
        lines.append(line)
    return [*lines, labelled("hence", _hence(game, split))]


def _hence(game: Game, split: SplitStep) -> str:
    claim = game.claims[split.claim]
    said = f"claim {split.claim}, 0x{claim.value.hex()}, is"
    at, false = split.false
    if false == split.claim:
        return f"{said} false"
    return f"{said} true, and claim {false} of whoever denies it, about step {at}, is false"


def _claimed(game: Game, steps: BlockSteps, split: SplitStep, after: State) -> str:
    found = recognised(game, steps, split, after)
    if found is not None:
        return _said(found)
    right = after.commitment.hex()
    return f"a state that nobody has shown, and not the right one, whose commitment is 0x{right}"


def _said(found: Sequence[Difference]) -> str:
    return listed([f"{each.what} is {each.new} rather than {each.old}" for each in found])


def _false_inputs(game: Game, outputs: HonestOutputs, split: SplitStep) -> str | None:
    """What is false in what the block is made of, where the claim follows from such a lie."""
    at, claim = split.false
    bounds = execution_bounds(game, claim)
    if split.index != 0 or not bounds.by_l1:
        return None
    for lie in INPUT_LIES.values():
        found = lie.falsified(outputs.transactions(bounds.l2_number))
        if found is None:
            continue
        steps = outputs.steps_from(bounds, found[0])
        if steps.commitment(at) == game.claims[claim].value:
            return _said([found[1]])
    return None


def recognised(
    game: Game, steps: BlockSteps, split: SplitStep, after: State
) -> list[Difference] | None:
    """What is false behind the step, where the false claim follows from a lie that can be planted.

    The lie is told and the machine goes on to the step of which the claim speaks.
    """
    opener, rules = steps.begun.opener, steps.begun.rules
    at, claim = split.false
    for _, lie, change in lies_at(Machine(steps.trace.state(split.index), opener, rules)):
        machine = Machine(after, opener, rules)
        if not lie.is_behind(machine):
            continue
        change(machine)
        false = machine.state()
        if _commitment(machine, at - split.index) == game.claims[claim].value:
            return differences(after, false, opener)
    return None


def _commitment(machine: Machine, steps: int) -> bytes:
    """The commitment so many steps on, or that of the last state."""
    while steps > 0 and machine.phase not in LAST:
        advance(machine)
        steps -= 1
    return machine.state().commitment
