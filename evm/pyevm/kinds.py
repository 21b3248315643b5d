"""Which kind of frame runs under which rules: a class for each rule set, made once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from chain.types import Address

from ..forks import PRAGUE, MachineRules
from ..precompiles.frame import Native
from .computation import Computation
from .opcodes import undefined_in
from .precompiles import native_precompiles
from .stock import StockComputation


@lru_cache(maxsize=64)
def computation_for(rules: MachineRules) -> type[Computation]:
    """The kind of frame that runs under these rules."""
    parts = {
        "__slots__": (),
        "opcodes": rules.opcodes,
        "undefined": undefined_in(rules.opcodes),
        "precompiles": rules.precompiles,
        "natives": frozenset(rules.natives),
        "storage_clears_refund": rules.storage_clears_refund,
        "max_init_code_size": rules.max_init_code_size,
        "init_code_word_gas": rules.init_code_word_gas,
        "max_code_size": rules.max_code_size,
        "created_nonce": 1 if rules.clears_empty_accounts else 0,
        "keeps_unpaid_creations": rules.keeps_unpaid_creations,
        "destroys_old_accounts": rules.destroys_old_accounts,
        "has_delegations": rules.has_delegations,
        "reserved_code_prefix": rules.reserved_code_prefix,
    }
    base = StockComputation if rules.runs_stock_opcodes else Computation
    return type(rules.name.capitalize() + "Computation", (base,), parts)


def computation_with(natives: Mapping[Address, Native]) -> type[Computation]:
    """A frame under Prague's rules with these native precompiles."""
    rules = PRAGUE.machine
    precompiles = {**rules.precompiles, **native_precompiles(natives)}
    return computation_for(replace(rules, precompiles=precompiles, natives=natives))
