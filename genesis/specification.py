"""What a chain is specified to be, whole: shown as a fork table, compared, named by a hash.

A specification is a genesis, a rollup config or both, however they were written down. Knows nothing
of files (node/cli/spec.py reads them) and of what the rules of a fork are (evm/forks.py).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from chain.block import Block
from chain.crypto.keccak import keccak256
from chain.heads import BlockId
from chain.types import Hash32

from .allocation import GenesisSpec, genesis_block
from .config import ForkTimes, RollupConfig
from .fields import ConfigError

ABSENT: Final = "(absent)"
_SHOWN_CHARACTERS: Final = 68
_FORKS: Final = tuple(field.name for field in dataclasses.fields(ForkTimes))


@dataclass(frozen=True, slots=True)
class Specification:
    """A chain's genesis, its rollup config, or both. Raises ConfigError where they contradict."""

    genesis: GenesisSpec | None = None
    rollup: RollupConfig | None = None

    def __post_init__(self) -> None:
        if self.genesis is None and self.rollup is None:
            raise ConfigError("a specification needs a genesis or a rollup config")

    @property
    def chain_id(self) -> int:
        """The L2's chain id, or that of the only chain there is."""
        if self.genesis is not None:
            return self.genesis.config.chain_id
        return self._rollup.l2_chain_id

    @property
    def forks(self) -> ForkTimes:
        """When each fork activates, as the execution layer is told."""
        return self._rollup.forks if self.genesis is None else self.genesis.config.forks

    @property
    def genesis_time(self) -> int:
        """The timestamp of the first block, in seconds."""
        return self._rollup.genesis.l2_time if self.genesis is None else self.genesis.timestamp

    @property
    def _rollup(self) -> RollupConfig:
        assert self.rollup is not None  # noqa: S101 - one of the two is there
        return self.rollup

    def to_json(self) -> dict[str, Any]:
        """Both parts under their own names, each as its file has it."""
        value: dict[str, Any] = {}
        if self.genesis is not None:
            value["genesis"] = self.genesis.to_json()
        if self.rollup is not None:
            value["rollup"] = self.rollup.to_json()
        return value

    def canonical_hash(self) -> Hash32:
        """Keccak-256 of the canonical JSON: sorted keys, no spaces, numbers as the files write
        them. Two specifications have one hash exactly if nothing that this node reads differs.
        """
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return keccak256(text.encode("ascii"))

    def check_agreement(self) -> Block | None:
        """The genesis block, if there is a genesis.

        Raises ConfigError where the rollup config founds another chain than the genesis makes.
        """
        if self.genesis is None:
            return None
        block, _ = genesis_block(self.genesis)
        if self.rollup is not None and self.genesis.state_root is None:
            _require_founded_on(self.genesis, block, self.rollup)
        return block


def _require_founded_on(genesis: GenesisSpec, block: Block, rollup: RollupConfig) -> None:
    made, wanted = BlockId(block.number, block.hash), rollup.genesis.l2
    if made != wanted:
        raise ConfigError(f"genesis.json makes L2 block {made}, rollup.json begins at {wanted}")
    if genesis.config.chain_id != rollup.l2_chain_id:
        raise ConfigError(
            f"genesis.json is of chain {genesis.config.chain_id}, rollup.json of "
            f"{rollup.l2_chain_id}"
        )
    for name in _FORKS:
        ours, theirs = getattr(genesis.config.forks, name), getattr(rollup.forks, name)
        if ours != theirs and _matters(ours, theirs, genesis.timestamp):
            raise ConfigError(f"fork {name}: genesis.json has {ours}, rollup.json has {theirs}")


def _matters(ours: int | None, theirs: int | None, genesis_time: int) -> bool:
    """Whether two activation times differ for any block: op-node leaves out what it does not run,
    and a time before the first block is as good as another.
    """
    if ours is None or theirs is None:
        return False
    return max(ours, theirs) > genesis_time


@dataclass(frozen=True, slots=True)
class ForkRow:
    """One scheduled fork. `first_block` is the block from which it is in force, if one can tell
    without the chain; `time` is None for a fork by number.
    """

    fork: str
    time: int | None
    first_block: int | None


def fork_table(specification: Specification) -> tuple[ForkRow, ...]:
    """The scheduled forks in the order of their activation; those never scheduled are left out.

    Forks by number come first, of those only what begins after block 0.
    """
    rollup, forks = specification.rollup, specification.forks
    numbered = specification.genesis.config.fork_blocks if specification.genesis else ()
    by_number = [
        ForkRow(name.removesuffix("Block"), None, number)
        for name, number in numbered
        if number is not None
    ]
    rows: list[tuple[int, ForkRow]] = []
    for name in _FORKS:
        time: int | None = getattr(forks, name)
        if time is None:
            continue
        first = None
        if rollup is not None:
            behind = max(0, time - rollup.genesis.l2_time)
            first = rollup.genesis.l2.number + -(-behind // rollup.block_time)
        rows.append((time, ForkRow(name, time, first)))
    return (*by_number, *(row for _, row in sorted(rows, key=lambda timed: timed[0])))


@dataclass(frozen=True, slots=True)
class Difference:
    """One value in which two specifications differ; long values are named by size and hash."""

    path: str
    left: str
    right: str


def differences(left: Specification, right: Specification) -> tuple[Difference, ...]:
    """Every value that is not the same in both, in the order of the paths."""
    ours, theirs = dict(_leaves(left.to_json(), "")), dict(_leaves(right.to_json(), ""))
    return tuple(
        Difference(path, _shown(ours.get(path, ABSENT)), _shown(theirs.get(path, ABSENT)))
        for path in sorted(ours.keys() | theirs.keys())
        if ours.get(path, ABSENT) != theirs.get(path, ABSENT)
    )


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if not isinstance(value, dict):
        yield path, value
        return
    for key, item in value.items():
        yield from _leaves(item, f"{path}.{key}" if path else str(key))


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    if len(text) <= _SHOWN_CHARACTERS or not text.startswith("0x"):
        return text
    return f"{len(text) // 2 - 1} bytes, keccak 0x{keccak256(bytes.fromhex(text[2:])).hex()}"
