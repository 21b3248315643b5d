"""Batcher data of which L1 has the hash alone: from the commitment to the payload.

There are three ends, and a way back:

    payload   the data are here and have that hash; or they were challenged and came to L1 in time
    stalled   they are not here, and it is not settled whether they will count: L1DataMissing
    dropped   they were challenged, and did not come in time: for ever, on every verifier
    back      a safe chain was derived from data that are lost afterwards: ChallengeLost

What will become of a challenge is looked up ahead, as far as L1 is known: then a node that comes
later derives at once what others came to by going back. What was derived so stands on the L1 block
that was looked at (`stands_on`) as on those before it. Source: OP Stack specs,
experimental/alt-da.md, "Derivation".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chain.errors import DecodeError
from rollup.l1.provider import L1DataMissing
from rollup.wire.alt_da import MAX_KECCAK_DATA_BYTES, Keccak256Commitment, decode_commitment

from .challenges import ChallengeBook
from .errors import ChallengeLost
from .journal import ByteRange, DataSource, Journal, Subject
from .rules import Rule

if TYPE_CHECKING:
    from chain.heads import BlockId
    from genesis.alt_da import AltDaConfig
    from rollup.l1.provider import L1Provider

    from .challenges import Posted


class KeccakData:
    """Reads the commitments of one chain, for one run of the pipeline."""

    def __init__(
        self,
        config: AltDaConfig,
        provider: L1Provider,
        journal: Journal,
        *,
        first_block: int,
        consumed: int,
        stands_on: BlockId | None,
    ) -> None:
        """The pipeline reads from L1 block `first_block` on; the safe head is what L1 up to the
        block `consumed` gives, with what was known of challenges up to `stands_on`.
        """
        self._config = config
        self._provider = provider
        self._journal = journal
        self._consumed = consumed
        self._known_to = max(consumed, 0 if stands_on is None else stands_on.number)
        self._stands_on = stands_on
        self._book = ChallengeBook(config, provider, first_block)
        # What counted, in this run of the pipeline or before it. A challenge of anything else,
        # which the contract takes of anybody, means nothing.
        self._counted: set[Posted] = set()

    def read(self, source: DataSource, data: bytes) -> bytes | None:
        """The payload behind batcher data of version 1; None where it is dropped.

        Raises L1DataMissing where it stalls, and for L1 blocks to look ahead to.
        """
        subject = Subject(ByteRange(source, 0, len(data)))
        try:
            commitment = decode_commitment(data)
        except DecodeError as error:
            self._journal.note(Rule.COMMITMENT, subject, str(error))
            return None
        if not isinstance(commitment, Keccak256Commitment):
            self._journal.note(Rule.COMMITMENT, subject, "not a Keccak-256, as on this chain")
            return None
        return self._behind((source.l1.number, commitment.hash), subject)

    def reached(self, number: int) -> None:
        """The pipeline has come to an L1 block. Raises ChallengeLost where data that were counted
        are lost with it, L1DataMissing.
        """
        self._book.read_to(number)
        for posted in self._book.all_lost_in(number):
            if posted in self._counted:
                raise ChallengeLost(*posted)

    def stands_on(self, number: int) -> BlockId | None:
        """The newest L1 block behind `number` that what was derived so far depends on."""
        found = self._stands_on
        return found if found is not None and found.number > number else None

    def require_canonical(self) -> None:
        """Whether L1 still has what was read of challenges. Raises ReorgDetected, L1DataMissing."""
        self._book.require_canonical()

    def _behind(self, posted: Posted, subject: Subject) -> bytes | None:
        number, commitment = posted
        self._book.read_to(min(self._provider.readable_to(), number + self._config.settled_after))
        challenge = self._book.challenge_of(posted)
        if challenge is not None and challenge.data is not None:
            return self._counting(posted, challenge.data, Rule.COMMITMENT_RESOLVED, subject)
        lost_in = None if challenge is None else self._book.lost_in(challenge)
        is_lost = lost_in is not None and lost_in <= self._provider.readable_to()
        payload = self._provider.da_blob(commitment)
        # What is lost behind all that was known counted once: until the pipeline comes there it has
        # to be what it was, if that can still be had.
        counted = lost_in is not None and number <= self._consumed and self._known_to < lost_in
        if is_lost and lost_in is not None and not (counted and payload is not None):
            if counted:
                self._counted.add(posted)
            self._stand_on(lost_in)
            detail = f"challenged in L1 block {challenge.started_in if challenge else 0}"
            self._journal.note(Rule.COMMITMENT_EXPIRED, subject, detail)
            return None
        if payload is None:
            standing = "not challenged"
            if challenge is not None:
                standing = f"challenged in L1 block {challenge.started_in}, "
                standing += "resolved" if lost_in is None else f"open before {lost_in}"
            raise L1DataMissing(commitment=commitment, standing=standing)
        return self._counting(posted, payload, Rule.COMMITMENT_TAKEN, subject)

    def _counting(self, posted: Posted, data: bytes, rule: Rule, subject: Subject) -> bytes | None:
        """Data that are here, None where they are too large to count."""
        if len(data) > MAX_KECCAK_DATA_BYTES:
            detail = f"{len(data)} bytes, {MAX_KECCAK_DATA_BYTES} at most"
            self._journal.note(Rule.COMMITMENT_TOO_LARGE, subject, detail)
            return None
        self._counted.add(posted)
        self._journal.note(rule, subject)
        return data

    def _stand_on(self, number: int) -> None:
        if self._stands_on is None or self._stands_on.number < number:
            self._stands_on = self._provider.block_by_number(number).ref.id
