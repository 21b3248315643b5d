"""Data by their hash: a server that keeps them, and a node's way to it.

A chain with `alt_da` has only Keccak-256 hashes on L1. Whoever keeps the data has to show them on
L1 when challenged; nothing else holds it to its word. The interface is the OP Stack's DA server's.
Source: OP Stack specs, experimental/alt-da.md, "DA Server". Knows nothing of challenges.
"""

from __future__ import annotations

from typing import Final

import aiohttp

from chain.crypto.keccak import keccak256
from chain.errors import DecodeError
from chain.storage.kv import KeyValueStore
from chain.types import Hash32
from rollup.wire.alt_da import (
    COMMITMENT_VERSION,
    MAX_KECCAK_DATA_BYTES,
    Keccak256Commitment,
    decode_commitment,
)

from ..config import ConfigurationError, DaSection
from .alt_da import UnknownCommitment, WrongCommitment
from .peer import HttpPeer, PeerFailed
from .store import StoreFull

_DATA: Final = b"d"
_VERSION: Final = bytes((COMMITMENT_VERSION,))


class HashStore:
    """The server's side: data in a key-value store, each under its hash; one writer."""

    def __init__(self, store: KeyValueStore, capacity_bytes: int) -> None:
        """Count what is there. At most `capacity_bytes` of data are kept."""
        self._store = store
        self._capacity_bytes = capacity_bytes
        sizes = [len(data) for _, data in store.scan(_DATA)]
        self.count = len(sizes)
        self.used_bytes = sum(sizes)

    async def put(self, payload: bytes, commitment: bytes = b"") -> tuple[bytes, None]:
        """Keep data; their commitment, which has to be the given one if there is one.

        Raises WrongCommitment, StoreFull, StorageError; then nothing is kept.
        """
        if len(payload) > MAX_KECCAK_DATA_BYTES:
            raise WrongCommitment(
                f"{len(payload)} bytes of data: more than the {MAX_KECCAK_DATA_BYTES} that count"
            )
        own = Keccak256Commitment(keccak256(payload)).encode()[1:]
        if commitment and commitment != own:
            raise WrongCommitment(f"0x{commitment.hex()[:80]} is not 0x{own.hex()} of the payload")
        key = _DATA + own[1:]
        if self._store.get(key) is None:
            if self.used_bytes + len(payload) > self._capacity_bytes:
                raise StoreFull(f"{self.used_bytes} of {self._capacity_bytes} bytes are taken")
            self._store.write({key: payload}, sync=True)
            self.count += 1
            self.used_bytes += len(payload)
        return own, None

    async def get(self, commitment: bytes) -> bytes:
        """The data. Raises WrongCommitment, UnknownCommitment."""
        try:
            given = decode_commitment(_VERSION + commitment)
        except DecodeError as error:
            raise WrongCommitment(str(error)) from error
        if not isinstance(given, Keccak256Commitment):
            raise WrongCommitment(f"0x{commitment.hex()[:80]} is not a Keccak-256")
        data = self._store.get(_DATA + given.hash)
        if data is None:
            raise UnknownCommitment(f"nothing was put under 0x{commitment.hex()}")
        return data


class HashAccess:
    """A node's way to the servers; opened and closed with the node."""

    def __init__(self, section: DaSection) -> None:
        """Servers are `da.url` and `da.peers`, asked in this order."""
        self._urls = [url for url in (section.url, *section.peers) if url]
        self._can_write = bool(section.url)
        self._timeout_s = section.timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._servers: list[HttpPeer] = []

    def open(self) -> None:
        """Make the session."""
        self._session = aiohttp.ClientSession()
        self._servers = [HttpPeer(url, self._session, self._timeout_s) for url in self._urls]

    async def blob(self, commitment: bytes) -> bytes:
        """The data of a Keccak-256, verified, from the first server that has them.

        Raises PeerFailed, which says what each answered.
        """
        wanted = Keccak256Commitment(Hash32(commitment))
        answers = []
        for server in self._servers:
            try:
                data = await server.get(wanted.encode()[1:])
            except PeerFailed as error:
                answers.append(str(error))
                continue
            if wanted.is_of(data):
                return data
            answers.append(f"{server.name}: data of another hash")
        raise PeerFailed(
            f"data of 0x{commitment.hex()}: {'; '.join(answers) or 'da.url and da.peers are empty'}"
        )

    async def disperse(self, payload: bytes) -> bytes:
        """Batcher data that stands for a payload, which the server has by then.

        Raises PeerFailed, ConfigurationError.
        """
        if not self._can_write:
            raise ConfigurationError("da.url is not set: batcher.data_type da needs a DA server")
        commitment = Keccak256Commitment(keccak256(payload))
        server = self._servers[0]
        answer = await server.put(payload, commitment.encode()[1:])
        if answer != commitment.encode()[1:]:
            raise PeerFailed(f"{server.name}: put answered 0x{answer.hex()[:80]}")
        return commitment.encode()

    async def close(self) -> None:
        """End the session."""
        if self._session is not None:
            await self._session.close()
