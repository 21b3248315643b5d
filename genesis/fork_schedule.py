"""When the rules of a chain change: forks by number, by time and by difficulty, as values and JSON.

What a fork changes is not known here; `config.py` holds all else that a chain is configured to be.

Source: go-ethereum params/config.go, op-node/rollup/types.go for the keys; EIP-7840, 7892 (blobs).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final

from .fields import ConfigError, Fields

OPTIMISM_FORKS: Final = (
    "regolith", "canyon", "delta", "ecotone", "fjord", "granite",
    "holocene", "isthmus", "jovian", "karst", "interop",
)  # fmt: skip
ETHEREUM_FORKS: Final = ("shanghai", "cancun", "prague", "osaka")
_BLOB_ONLY_FORKS: Final = ("bpo1", "bpo2", "bpo3", "bpo4", "bpo5")
_BLOB_FORKS: Final = ("cancun", "prague", "osaka", *_BLOB_ONLY_FORKS)
# Scheduled by time, yet no rule set of its own: blob schedules.
_IGNORED_TIMES: Final = frozenset(
    {"pectra_blob_schedule_time", *(fork + "Time" for fork in _BLOB_ONLY_FORKS)}
)
# The Ethereum fork that each OP fork brings along (specs: protocol/superchain-upgrades.md).
_ETHEREUM_FORK_OF: Final = {"shanghai": "canyon", "cancun": "ecotone", "prague": "isthmus"}
BLOCK_FORKS: Final = (
    "homesteadBlock", "daoForkBlock", "eip150Block", "eip155Block", "eip158Block", "byzantiumBlock",
    "constantinopleBlock", "petersburgBlock", "istanbulBlock", "muirGlacierBlock", "berlinBlock",
    "londonBlock", "arrowGlacierBlock", "grayGlacierBlock", "mergeNetsplitBlock",
)  # fmt: skip
# A chain has this one only where its configuration says so.
DAO_FORK: Final = "daoForkBlock"


@dataclass(frozen=True, slots=True)
class ForkTimes:
    """When each fork activates, as a block timestamp in seconds; None means never."""

    shanghai: int | None = None
    cancun: int | None = None
    prague: int | None = None
    osaka: int | None = None
    regolith: int | None = None
    canyon: int | None = None
    delta: int | None = None
    ecotone: int | None = None
    fjord: int | None = None
    granite: int | None = None
    holocene: int | None = None
    isthmus: int | None = None
    jovian: int | None = None
    karst: int | None = None
    interop: int | None = None

    def __post_init__(self) -> None:
        for names in (ETHEREUM_FORKS, OPTIMISM_FORKS):
            previous = 0
            for name in names:
                time: int | None = getattr(self, name)
                if time is not None and time < previous:
                    raise ConfigError(
                        f"fork {name} at {time} is before its predecessor's {previous}"
                    )
                previous = previous if time is None else time

    def is_active(self, fork: str, timestamp: int) -> bool:
        """Whether `fork` (a field of this class) is active in a block of that timestamp."""
        time: int | None = getattr(self, fork)
        return time is not None and time <= timestamp

    @staticmethod
    def ethereum_from_genesis() -> ForkTimes:
        """Prague from block 0: the embedded L1."""
        return ForkTimes(shanghai=0, cancun=0, prague=0)

    @staticmethod
    def optimism_from_genesis() -> ForkTimes:
        """Isthmus from block 0: every L2 that stemma starts."""
        times = dict.fromkeys(OPTIMISM_FORKS[: OPTIMISM_FORKS.index("isthmus") + 1], 0)
        return ForkTimes(shanghai=0, cancun=0, prague=0, **times)

    @staticmethod
    def from_fields(fields: Fields, suffix: str) -> ForkTimes:
        """Read `<fork><suffix>` keys: "_time" in rollup.json, "Time" in genesis.json.

        A scheduled fork that this table does not know is refused: a node that ignored it would
        follow another chain from that time on. Raises ConfigError.
        """
        names = [f.name for f in dataclasses.fields(ForkTimes)]
        known = {name + suffix for name in names} | _IGNORED_TIMES
        for key in fields.names():
            if key.endswith(suffix) and key not in known and key in fields and key != "block_time":
                raise ConfigError(f"{fields.where}: {key} schedules a fork this node does not know")
        times = {name: fields.optional_integer(name + suffix) for name in names}
        for ethereum, optimism in _ETHEREUM_FORK_OF.items():
            if times[ethereum] is None:
                times[ethereum] = times[optimism]
        return ForkTimes(**times)


@dataclass(frozen=True, slots=True)
class BlobSchedule:
    """Blobs of a block, aimed at and at most, and how fast their price moves (EIP-7840)."""

    target: int
    max: int
    base_fee_update_fraction: int


@dataclass(frozen=True, slots=True)
class ScheduledBlobs:
    """A blob schedule, the fork that brings it (cancun, ..., bpo1, ...) and its time in seconds."""

    fork: str
    time: int
    schedule: BlobSchedule


def read_fork_blocks(fields: Fields) -> tuple[tuple[str, int | None], ...]:
    """The forks of a geth genesis.json that come at a block after the first, or never.

    Each builds on those before it: one that is left out came with the next one that is there.
    Raises ConfigError.
    """
    numbers: dict[str, int | None] = {}
    following = 0 if read_terminal_difficulty(fields) == 0 else None
    for fork in reversed(BLOCK_FORKS):
        number = fields.optional_integer(fork)
        if fork == DAO_FORK:
            has_dao = "daoForkSupport" in fields and fields.raw("daoForkSupport") is True
            numbers[fork] = number if has_dao else None
            continue
        following = following if number is None else number
        numbers[fork] = following
    if numbers["eip155Block"] != numbers["eip158Block"]:
        raise ConfigError(
            f"{fields.where}: eip155Block is {numbers['eip155Block']}, eip158Block "
            f"{numbers['eip158Block']}: here both come with one fork"
        )
    usual = {DAO_FORK: None}
    return tuple(
        [(fork, numbers[fork]) for fork in BLOCK_FORKS if numbers[fork] != usual.get(fork, 0)]
    )


def read_terminal_difficulty(fields: Fields) -> int | None:
    """Where proof of work ends; a fork by time says that it has, though the key be left out."""
    difficulty = fields.optional_integer("terminalTotalDifficulty", bits=256)
    if difficulty is None and any(name + "Time" in fields for name in ETHEREUM_FORKS):
        return 0
    return difficulty


def read_blob_schedules(fields: Fields) -> tuple[ScheduledBlobs, ...]:
    """The `blobSchedule` of a geth genesis.json; one without a time never comes into force."""
    if "blobSchedule" not in fields:
        return ()
    entries, found = fields.child("blobSchedule"), []
    for rank, fork in enumerate(_BLOB_FORKS):
        time = fields.optional_integer(fork + "Time")
        if fork not in entries or time is None:
            continue
        entry = entries.child(fork)
        schedule = BlobSchedule(
            target=entry.integer("target"),
            max=entry.integer("max"),
            base_fee_update_fraction=entry.integer("baseFeeUpdateFraction"),
        )
        found.append((time, rank, ScheduledBlobs(fork, time, schedule)))
    return tuple([scheduled for _, _, scheduled in sorted(found, key=lambda each: each[:2])])
