"""Which rules of derivation are in force when: the forks as data.

Derivation follows two clocks. What is read from L1 goes by the time of the L1 block being read;
what goes into an L2 block goes by that block's own time. A fork is active from its time on; each
line says what it changes and where the specs say so.
Source: OP Stack specs, protocol/superchain-upgrades.md, and the page named in each line.
Knows nothing of what the rules are applied to; execution's rules are in evm/forks.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from genesis.config import FJORD_MAX_SEQUENCER_DRIFT_S, GRANITE_CHANNEL_TIMEOUT
from rollup.wire.channel import MAX_RLP_BYTES_BEFORE_FJORD, MAX_RLP_BYTES_PER_CHANNEL

if TYPE_CHECKING:
    from genesis.config import RollupConfig


@dataclass(frozen=True, slots=True)
class L1Rules:
    """What goes by the time of an L1 block. Bytes, L1 blocks, seconds."""

    channel_timeout: int
    """L1 blocks that a channel may stay open."""
    max_sequencer_drift_s: int
    """How far an L2 block may run ahead of this block as its L1 origin."""
    scans_channel_bank: bool = False
    """Whether any complete channel is read, or the oldest only."""
    reads_span_batches: bool = False
    reads_blobs: bool = False
    reads_brotli: bool = False
    max_rlp_bytes: int = MAX_RLP_BYTES_BEFORE_FJORD
    max_bank_bytes: int = 100_000_000
    is_strict: bool = False
    """Holocene: frames and batches in order, one open channel, deposits where a block is bad."""


@dataclass(frozen=True, slots=True)
class L2Rules:
    """What goes by the time of an L2 block."""

    has_system_transactions: bool = True
    """L1 attributes are a system transaction of 150,000,000 gas; since Regolith 1,000,000."""
    has_beacon_root: bool = False
    has_fee_parameters: bool = False
    """Holocene: EIP-1559 parameters are in the payload attributes and in extraData."""
    has_min_base_fee: bool = False
    takes_set_code: bool = False
    """Whether a batch may have transactions of type 4."""


_Rules = TypeVar("_Rules", L1Rules, L2Rules)


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the table: from `fork` on these fields have these values."""

    fork: str
    fields: dict[str, Any]
    source: str


L1_CHANGES: Final = (
    Change("canyon", {"scans_channel_bank": True}, "derivation.md, Reading"),
    Change(
        "delta",
        {"reads_span_batches": True},
        "delta/span-batches.md, Span Batch Activation Rule",
    ),
    Change("ecotone", {"reads_blobs": True}, "ecotone/derivation.md, Retrieval"),
    Change(
        "fjord",
        {
            "reads_brotli": True,
            "max_rlp_bytes": MAX_RLP_BYTES_PER_CHANNEL,
            "max_bank_bytes": 1_000_000_000,
            "max_sequencer_drift_s": FJORD_MAX_SEQUENCER_DRIFT_S,
        },
        "fjord/derivation.md",
    ),
    Change(
        "granite",
        {"channel_timeout": GRANITE_CHANNEL_TIMEOUT},
        "granite/derivation.md, Reduce Channel Timeout",
    ),
    Change("holocene", {"is_strict": True}, "holocene/derivation.md, Holocene Derivation"),
)
L2_CHANGES: Final = (
    Change("regolith", {"has_system_transactions": False}, "regolith/overview.md"),
    Change("ecotone", {"has_beacon_root": True}, "derivation.md, Building Individual Payload"),
    Change(
        "holocene",
        {"has_fee_parameters": True},
        "holocene/exec-engine.md, Extended PayloadAttributesV3",
    ),
    Change("isthmus", {"takes_set_code": True}, "isthmus/derivation.md, Activation"),
    Change(
        "jovian",
        {"has_min_base_fee": True},
        "jovian/exec-engine.md, Minimum Base Fee in PayloadAttributesV3",
    ),
)
EMPTY_ACTIVATIONS: Final = ("jovian", "karst")
"""Forks whose first block has deposits only, unless it is the chain's first."""

UPGRADES: Final = ("ecotone", "fjord", "isthmus", "jovian", "karst")
"""Forks that put upgrade transactions into the block that activates them."""


class ForkSchedule:
    """The rules of one chain by time."""

    def __init__(self, config: RollupConfig) -> None:
        first = L1Rules(config.channel_timeout, config.max_sequencer_drift)
        self._l1 = _steps(config, first, L1_CHANGES)
        self._l2 = _steps(config, L2Rules(), L2_CHANGES)

    def l1(self, timestamp: int) -> L1Rules:
        """What is in force while an L1 block of that time is read, or is an origin."""
        return _at(self._l1, timestamp)

    def l2(self, timestamp: int) -> L2Rules:
        """What is in force for an L2 block of that time."""
        return _at(self._l2, timestamp)


def is_activation(config: RollupConfig, fork: str, timestamp: int) -> bool:
    """Whether an L2 block of that time is the first under a fork; genesis never is."""
    before = timestamp - config.block_time
    return (
        config.forks.is_active(fork, timestamp)
        and before >= config.genesis.l2_time
        and not config.forks.is_active(fork, before)
    )


def must_be_empty(config: RollupConfig, timestamp: int) -> bool:
    """Whether an L2 block of that time may hold deposits only (noTxPool).

    Source: specs protocol/jovian/derivation.md, "Activation Block Rules".
    """
    return any(is_activation(config, fork, timestamp) for fork in EMPTY_ACTIVATIONS)


def _steps(
    config: RollupConfig, first: _Rules, changes: tuple[Change, ...]
) -> list[tuple[int, _Rules]]:
    """(from when, rules), latest first."""
    steps: list[tuple[int, _Rules]] = [(0, first)]
    for change in changes:
        time: int | None = getattr(config.forks, change.fork)
        if time is not None:
            steps.append((time, replace(steps[-1][1], **change.fields)))
    return steps[::-1]


def _at(steps: list[tuple[int, _Rules]], timestamp: int) -> _Rules:
    for time, rules in steps:
        if time <= timestamp:
            return rules
    return steps[-1][1]
