"""A node's way to its DA committee: the HTTP session, the peers behind it, blobs on request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import aiohttp

from chain.crypto.keccak import keccak256
from chain.errors import StemmaError
from genesis.config import RollupConfig
from genesis.da_committee import DaCommittee
from rollup.da.certificate import DA_LAYER, check_certificate
from rollup.da.erasure import blob_of_cells
from rollup.wire.alt_da import COMMITMENT_VERSION, GenericCommitment, decode_commitment

from ..config import ConfigurationError, DaSection, NodeConfig
from .dispersal import Peers, Retriever
from .hashes import HashAccess
from .kzg_pool import KzgPool
from .peer import CellPeer, HttpPeer, PeerFailed


class CommitteeAccess:
    """Opened and closed with the node that uses it."""

    def __init__(self, rollup: RollupConfig, section: DaSection) -> None:
        """Raises ConfigurationError where the rollup has no committee."""
        self.committee = committee_of(rollup)
        self._l1_chain_id = rollup.l1_chain_id
        self._section = section
        self._session: aiohttp.ClientSession | None = None
        self.pool = KzgPool(section.processes)
        self._retriever: Retriever | None = None
        self._batcher_peer: HttpPeer | None = None
        self.peers = Peers(self.committee, ())
        self.sessions: Callable[[], Sequence[CellPeer]] = tuple
        """Operators that this node has a session with; set before `open`."""

    def open(self, *own: CellPeer) -> None:
        """Make the session and the peers; `own` are carriers that need no network."""
        self._session = aiohttp.ClientSession()
        timeout_s = self._section.timeout_s
        carriers = [HttpPeer(url, self._session, timeout_s) for url in self._section.peers]
        self.peers = Peers(self.committee, [*own, *carriers], self.sessions)
        self._retriever = Retriever(self.peers, self.pool)
        if self._section.url:
            # Dispersal waits for all operators, each of which has its own time.
            self._batcher_peer = HttpPeer(self._section.url, self._session, 3 * timeout_s)

    @property
    def retriever(self) -> Retriever:
        """Of these peers, once open."""
        assert self._retriever is not None, "opened by start"  # noqa: S101
        return self._retriever

    async def blob(self, commitment: bytes) -> bytes:
        """A certified blob, verified. Raises BlobUnavailable, KzgBusy."""
        extended = await self.retriever.blob(commitment)
        return blob_of_cells([cell.data for cell in extended.cells])

    async def disperse(self, payload: bytes) -> bytes:
        """Batcher data that stands for a payload: version, commitment. What the server answers is
        checked before it is believed. Raises PeerFailed, ConfigurationError.
        """
        if self._batcher_peer is None:
            raise ConfigurationError("da.url is not set: batcher.data_type da needs a DA node")
        data = bytes((COMMITMENT_VERSION,)) + await self._batcher_peer.put(payload)
        try:
            posted = decode_commitment(data)
            if not isinstance(posted, GenericCommitment) or posted.da_layer != DA_LAYER:
                raise PeerFailed(f"{self._batcher_peer.name}: not a commitment of our layer")
            check_certificate(self.committee, self._l1_chain_id, posted.payload)
        except PeerFailed:
            raise
        except StemmaError as error:
            raise PeerFailed(
                f"{self._batcher_peer.name}: for 0x{keccak256(payload).hex()[:16]}: {error}"
            ) from error
        return data

    async def close(self) -> None:
        """End session and processes."""
        if self._session is not None:
            await self._session.close()
        self.pool.close()


def data_access(rollup: RollupConfig, section: DaSection) -> CommitteeAccess | HashAccess | None:
    """The way to a rollup's data; None where all of them are on L1."""
    if rollup.alt_da is not None:
        return HashAccess(section)
    return None if rollup.da_committee is None else CommitteeAccess(rollup, section)


def batcher_dispersal(
    config: NodeConfig, access: CommitteeAccess | HashAccess | None
) -> Callable[[bytes], Awaitable[bytes]] | None:
    """What the batcher does with its data before L1; None where they go to L1 as they are.

    Raises ConfigurationError.
    """
    if config.batcher.data_type != "da":
        return None
    if access is None or not config.da.url:
        raise ConfigurationError(
            "batcher.data_type da needs stemma_da or alt_da in rollup.json, and da.url, a DA node "
            "or server"
        )
    return access.disperse


def committee_of(rollup: RollupConfig) -> DaCommittee:
    """The committee of a rollup. Raises ConfigurationError where there is none."""
    if rollup.da_committee is None:
        raise ConfigurationError("rollup.json has no stemma_da: all data of this chain is on L1")
    return rollup.da_committee
