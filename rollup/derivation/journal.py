"""What derivation says about itself: one note for each thing that it takes, keeps or drops.

A stage hands the journal a rule and what the rule was applied to. The usual journal logs what was
dropped and forgets; an `Explanation` keeps every note, so that a reader can ask what became of each
byte of an L1 block. Notes change nothing: the same L2 comes out whoever listens.
Knows nothing of how a note is printed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .rules import Outcome, Rule

if TYPE_CHECKING:
    from chain.types import Hash32
    from rollup.l1.block import L1BlockRef
    from rollup.wire.frame import ChannelId

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DataSource:
    """Where batcher data stands: transaction `index` of an L1 block; `blob` counts its blobs."""

    l1: L1BlockRef
    transaction_hash: Hash32
    index: int
    blob: int | None = None

    def __str__(self) -> str:
        blob = "" if self.blob is None else f" blob {self.blob}"
        return f"L1 block {self.l1.number} transaction {self.index}{blob}"


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `start` to `end` of batcher data: of the calldata, or of what a blob carries."""

    source: DataSource
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.source} bytes {self.start}..{self.end}"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule was applied to, as far as it is known where the rule applies.

    `data` are bytes of batcher data; `stream` is (start, end) in the decompressed channel;
    `timestamp` the time of the first L2 block of a batch, `l2_number` the number of a block.
    """

    data: ByteRange | None = None
    channel_id: ChannelId | None = None
    frame_number: int | None = None
    stream: tuple[int, int] | None = None
    timestamp: int | None = None
    l2_number: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """One entry: while L1 block `l1` was read, `rule` was applied to `subject`."""

    l1: L1BlockRef
    rule: Rule
    subject: Subject
    detail: str = ""


class Journal:
    """Logs what is dropped. `l1` is the L1 block that is being read."""

    l1: L1BlockRef

    def note(self, rule: Rule, subject: Subject, detail: str = "") -> None:
        """Take a note."""
        if rule.outcome is Outcome.DROPPED:
            _log.warning(
                "%s: %s dropped: %s%s",
                self.l1,
                _name_of(subject),
                rule.says,
                f" ({detail})" if detail else "",
            )


class Explanation(Journal):
    """Keeps every note, in order; silent."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def note(self, rule: Rule, subject: Subject, detail: str = "") -> None:
        """Take a note."""
        self.notes.append(Note(self.l1, rule, subject, detail))


def _name_of(subject: Subject) -> str:
    """The narrowest thing that the subject names."""
    if subject.l2_number is not None:
        return f"L2 block {subject.l2_number}"
    if subject.timestamp is not None:
        return f"batch of time {subject.timestamp}"
    if subject.frame_number is not None and subject.channel_id is not None:
        return f"frame {subject.frame_number} of channel 0x{subject.channel_id.hex()}"
    if subject.channel_id is not None:
        return f"channel 0x{subject.channel_id.hex()}"
    return "batcher data" if subject.data is None else str(subject.data)
