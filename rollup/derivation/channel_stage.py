"""Stage 4 over the forks: the channel bank until Holocene, the channel assembler from then on.

What is open in the bank when the first L1 block of Holocene is read is forgotten.
Source: OP Stack specs, protocol/holocene/derivation.md, "Activation".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .channel_assembler import ChannelAssembler, CompleteChannel, FrameSource, Origin
from .channel_bank import ChannelBank

if TYPE_CHECKING:
    from .forks import ForkSchedule
    from .journal import Journal


class ChannelStage:
    """Hands out complete channels by the rules of the L1 block that is being read."""

    def __init__(
        self, source: FrameSource, traversal: Origin, schedule: ForkSchedule, journal: Journal
    ) -> None:
        self._traversal = traversal
        self._schedule = schedule
        self._bank = ChannelBank(source, traversal, schedule, journal)
        self._assembler = ChannelAssembler(source, traversal, schedule, journal)

    def next_channel(self) -> CompleteChannel | None:
        """The next complete channel, None when the L1 block completes no more."""
        if not self._schedule.l1(self._traversal.origin.timestamp).is_strict:
            return self._bank.next_channel()
        self._bank.clear()
        return self._assembler.next_channel()

    def reread_from(self, needed_from: int) -> int | None:
        """The L1 block to read from to have the channels right from L1 block `needed_from` on.

        None: a channel timeout before it is enough, as it always is since Holocene, where a first
        frame throws away what was before.
        """
        return self._bank.reread_from(needed_from)
