"""From a fork's rule set to what the step machine reads of it.

The step machine knows no fork and no py-evm; here both meet it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from chain.errors import StemmaError

from .forks import (
    CANCUN,
    ECOTONE,
    FJORD,
    GRANITE,
    HOLOCENE,
    ISTHMUS,
    JOVIAN,
    KARST,
    OSAKA,
    PRAGUE,
    MachineRules,
    RuleSet,
)
from .pyevm.step_precompiles import precompile_run
from .step.rules import StepRules

_FORKS: Final = (
    CANCUN, PRAGUE, OSAKA, ECOTONE, FJORD, GRANITE, HOLOCENE, ISTHMUS, JOVIAN, KARST,
)  # fmt: skip
FORK_NUMBERS: Final = {rules.name: number for number, rules in enumerate(_FORKS, start=1)}
"""What stands in a block's record. A number never changes its meaning."""


class NotProvable(StemmaError):
    """Blocks under these rules cannot be cut into steps."""


def step_rules_of(rules: RuleSet) -> StepRules:
    """The same rules for the step machine. Raises NotProvable before Cancun."""
    if rules.name not in FORK_NUMBERS:
        raise NotProvable(f"no steps under the rules of {rules.name}: {', '.join(FORK_NUMBERS)}")
    return _step_rules(rules.name, rules.machine)


def provable_rules() -> tuple[StepRules, ...]:
    """The rules of every fork whose blocks can be cut into steps, by their numbers."""
    return tuple([step_rules_of(rules) for rules in _FORKS])


def step_rules_of_fork(number: int) -> StepRules:
    """The step machine's rules by the number that stands in a block's record.

    Raises NotProvable where there is no such number.
    """
    if not 1 <= number <= len(_FORKS):
        raise NotProvable(f"no fork has the number {number}: 1 to {len(_FORKS)}")
    return step_rules_of(_FORKS[number - 1])


@lru_cache(maxsize=32)
def _step_rules(name: str, machine: MachineRules) -> StepRules:
    return StepRules(
        fork=FORK_NUMBERS[name],
        opcodes=frozenset(machine.opcodes),
        precompiles=frozenset(machine.precompiles),
        run_precompile=precompile_run(machine),
        natives={bytes(address): run for address, run in machine.natives.items()},
        has_delegations=machine.has_delegations,
    )
