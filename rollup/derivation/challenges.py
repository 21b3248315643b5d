"""What L1 says about commitments that were challenged, read block by block.

A challenge begins with the contract's event of status 1; it is resolved by its event of status 2,
for which the contract has seen the data; it is lost in the first block behind the resolve window
without that. Where the resolving transaction's calldata are the call, the data are read there; a
contract that called in between has hidden them, and they have to come from elsewhere, but they are
not lost: else anybody could have data dropped that every server has.
Source: OP Stack specs, experimental/alt-da.md, "Data Availability Challenge Contract".
Knows nothing of who posted a commitment, nor whether anybody did.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chain import abi
from chain.errors import DecodeError
from chain.types import Hash32
from rollup.wire.alt_da import Keccak256Commitment, decode_commitment

from .errors import ReorgDetected

if TYPE_CHECKING:
    from chain.receipt import Log
    from chain.transaction import Transaction
    from genesis.alt_da import AltDaConfig
    from rollup.l1.provider import L1Block, L1Provider

CHALLENGE_STATUS_CHANGED: Final = abi.event_topic("ChallengeStatusChanged(uint256,bytes,uint8)")
RESOLVE: Final = abi.selector("resolve(uint256,bytes,bytes)")
_RESOLVE_TYPES: Final = ("uint256", "bytes", "bytes")
_VERSION: Final = b"\x01"
_ACTIVE: Final = 1
_RESOLVED: Final = 2

Posted = tuple[int, Hash32]
"""A commitment by the L1 block in which it stands, and the Keccak-256 that it is."""


@dataclass(slots=True)
class Challenge:
    """One challenge: the L1 block in which it began, whether the data came, and they, if L1 shows
    them.
    """

    started_in: int
    is_resolved: bool = False
    data: bytes | None = None


class ChallengeBook:
    """The challenges of the L1 blocks from a first one on, as far as they have been read."""

    def __init__(self, config: AltDaConfig, provider: L1Provider, first_block: int) -> None:
        """Commitments of earlier blocks than the first are not asked for."""
        self._config = config
        self._provider = provider
        self._next = first_block
        self._last_hash: Hash32 | None = None
        self._challenges: dict[Posted, Challenge] = {}

    def read_to(self, number: int) -> None:
        """Read L1 up to a block. Raises L1DataMissing, ReorgDetected."""
        while self._next <= number:
            block = self._provider.block_by_number(self._next)
            if self._last_hash is not None and block.parent_hash != self._last_hash:
                raise ReorgDetected(
                    f"{block.ref} has parent 0x{block.parent_hash.hex()}, challenges were read up "
                    f"to 0x{self._last_hash.hex()}"
                )
            for posted, status, data in events_of(block, self._config):
                self._note(posted, status, data, block.number)
            self._last_hash = block.hash
            self._next += 1

    def require_canonical(self) -> None:
        """Compare the last block read with L1. Raises ReorgDetected, L1DataMissing."""
        last = self._next - 1
        if self._last_hash is None:
            return
        if last > self._provider.readable_to():
            raise ReorgDetected(f"challenges were read up to L1 block {last}, which L1 has no more")
        canonical = self._provider.block_by_number(last)
        if canonical.hash != self._last_hash:
            raise ReorgDetected(
                f"challenges were read up to L1 block {last} 0x{self._last_hash.hex()}, "
                f"L1 has {canonical.ref} now"
            )

    def challenge_of(self, posted: Posted) -> Challenge | None:
        """The challenge of a commitment, if it was challenged in what has been read."""
        return self._challenges.get(posted)

    def lost_in(self, challenge: Challenge) -> int | None:
        """The L1 block in which a challenge is lost; None where the data came."""
        if challenge.is_resolved:
            return None
        return challenge.started_in + self._config.resolve_window + 1

    def all_lost_in(self, number: int) -> list[Posted]:
        """The commitments whose challenges are lost in an L1 block."""
        return [
            posted
            for posted, challenge in self._challenges.items()
            if self.lost_in(challenge) == number
        ]

    def _note(self, posted: Posted, status: int, data: bytes | None, number: int) -> None:
        known = self._challenges.get(posted)
        if status == _ACTIVE and known is None:
            self._challenges[posted] = Challenge(number)
        elif status == _RESOLVED and known is not None:
            known.is_resolved, known.data = True, data


def events_of(block: L1Block, config: AltDaConfig) -> Iterator[tuple[Posted, int, bytes | None]]:
    """(commitment, status, data) of each event of the challenge contract in a block.

    Data are those of a resolving transaction whose calldata are the call; None else.
    """
    for tx, receipt in zip(block.transactions, block.receipts, strict=True):
        for log in receipt.logs:
            if log.address != config.challenge_contract:
                continue
            found = _changed(log)
            if found is None:
                continue
            posted, status = found
            data = _shown(tx, posted) if status == _RESOLVED else None
            yield posted, status, data


def _changed(log: Log) -> tuple[Posted, int] | None:
    if len(log.topics) != 2 or log.topics[0] != CHALLENGE_STATUS_CHANGED:
        return None
    try:
        commitment, status = abi.decode(("bytes", "uint8"), log.data)
        parsed = decode_commitment(_VERSION + commitment)
    except DecodeError:
        return None
    if not isinstance(parsed, Keccak256Commitment):
        return None
    return (int.from_bytes(log.topics[1], "big"), parsed.hash), status


def _shown(tx: Transaction, posted: Posted) -> bytes | None:
    """The data that a transaction shows for a commitment, if its calldata are a call that does."""
    if tx.data[:4] != RESOLVE:
        return None
    try:
        number, commitment, data = abi.decode(_RESOLVE_TYPES, tx.data[4:])
    except DecodeError:
        return None
    number_of, wanted = posted
    shown = Keccak256Commitment(wanted)
    is_it = number == number_of and commitment == shown.encode()[1:] and shown.is_of(data)
    return bytes(data) if is_it else None
