"""A committee of DA nodes in one process: real stores, keepers and KZG; only the wire is a call."""

from __future__ import annotations

from dataclasses import dataclass, field

from da_committee import L1_CHAIN_ID, identity_seed, make_committee, signer_key

from chain.storage.memory import MemoryStore
from node.da.dispersal import Disperser, Peers, Retriever
from node.da.keeper import Keeper, OperatorKeys
from node.da.peer import PeerFailed
from node.da.store import CellStore
from rollup.da.cell_message import CellMessage

REFERENCE_BLOCK = 7
RETENTION_S = 1000


class InlinePool:
    """KZG work in this process: the pool has tests of its own."""

    async def run(self, function, *given):
        return function(*given)


@dataclass
class DirectPeer:
    """Carries messages, encoded and decoded as on a wire, to a keeper; may misbehave."""

    keeper: Keeper
    is_down: bool = False
    hides: set[int] = field(default_factory=set)
    change: object = None
    asked: list[int] = field(default_factory=list)

    @property
    def name(self):
        return f"peer {self.keeper.index}"

    def _reach(self):
        if self.is_down:
            raise PeerFailed(f"{self.name}: no answer in 1 s")

    async def identity(self):
        self._reach()
        return self.keeper.identity

    async def held(self, commitment):
        self._reach()
        return self.keeper.held(commitment)

    async def store(self, message):
        self._reach()
        return await self.keeper.accept(CellMessage.decode(message.encode()))

    async def cells(self, commitment, wanted):
        self._reach()
        self.asked += [index for index in range(128) if wanted >> index & 1]
        found = self.keeper.store.cells(commitment, wanted)
        cells = tuple(cell for cell in found if cell.index not in self.hides)
        return tuple(map(self.change, cells)) if self.change else cells


class Network:
    """Some operators, a disperser and a retriever."""

    def __init__(
        self, stakes=(1, 1, 1, 1), *, capacity_bytes=10**9, custody_groups=64, **thresholds
    ):
        self.now = 1_000_000
        self.committee = make_committee(stakes, custody_groups=custody_groups, **thresholds)
        self.pool = InlinePool()
        self.keepers = [self.keeper(index, capacity_bytes) for index in range(len(stakes))]
        self.carriers = [DirectPeer(keeper) for keeper in self.keepers]
        self.peers = Peers(self.committee, self.carriers)
        self.disperser = Disperser(self.peers, L1_CHAIN_ID, self.pool, self.reference_block)
        self.retriever = Retriever(self.peers, self.pool)

    def keeper(self, index, capacity_bytes, kv=None):
        return Keeper(
            self.committee,
            L1_CHAIN_ID,
            OperatorKeys(identity_seed(index), signer_key(index)),
            CellStore(kv or MemoryStore(), capacity_bytes),
            self.pool,
            now=lambda: self.now,
            retention_s=RETENTION_S,
        )

    async def reference_block(self):
        return REFERENCE_BLOCK
