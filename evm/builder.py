"""A block built from forced transactions and then from candidates, best first, until it is full.

The same door as `execute_block`: a built block executed again gives the same block. Where
candidates come from and how long to go on are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chain.block import Header
from chain.state import State
from chain.txpool import PooledTransaction
from chain.types import Address
from genesis.config import ChainConfig

from .environment import BlockHashOf
from .errors import InvalidTransaction
from .executor import BlockExecution, ExecutionResult, PayloadAttributes
from .intrinsic_gas import TX_BASE

Rejected = Callable[[PooledTransaction, InvalidTransaction], None]


def build_block(
    config: ChainConfig,
    parent: Header,
    attributes: PayloadAttributes,
    state: State,
    *,
    block_hash: BlockHashOf,
    candidates: Iterable[PooledTransaction] = (),
    rejected: Rejected | None = None,
    stop: Callable[[], bool] | None = None,
) -> ExecutionResult:
    """Build the child of `parent` on `state`, which must stand at the parent's root.

    Candidates are taken in the order given. One that does not go in is reported to `rejected`, and
    its sender's later ones are passed over, since their nonces no longer follow. `stop` is asked
    before each candidate. Raises InvalidTransaction for a forced one that cannot go in.
    """
    execution = BlockExecution(config, parent, attributes, state, block_hash=block_hash)
    execution.add_forced()
    skipped: set[Address] = set()
    for candidate in candidates:
        if execution.gas_left < TX_BASE or (stop is not None and stop()):
            break
        if candidate.sender in skipped:
            continue
        try:
            execution.add_candidate(candidate.tx, candidate.sender)
        except InvalidTransaction as error:
            skipped.add(candidate.sender)
            if rejected is not None:
                rejected(candidate, error)
    return execution.seal()
