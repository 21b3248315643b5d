"""eth_ methods about blocks and receipts, and the simple facts of the chain."""

from __future__ import annotations

from chain.block import Block
from chain.types import Hash32

from . import parameters
from .backend import Backend
from .hexadecimal import data, quantity
from .jsonrpc import Parameter, rpc
from .parameters import BlockId
from .serialise import Json

_BLOCK = Parameter("block", parameters.block_id)
_NUMBER = Parameter("block", parameters.block_number_or_tag)
_HASH = Parameter("hash", parameters.hash32)
_INDEX = Parameter("index", parameters.quantity)
_FULL = Parameter("full", parameters.boolean, False)


class BlockNamespace:
    """eth_blockNumber, eth_getBlockBy*, eth_getBlockReceipts, counts, uncles, eth_chainId."""

    def __init__(self, backend: Backend) -> None:
        """Read through the backend."""
        self._backend = backend

    @rpc("eth_chainId")
    def chain_id(self) -> str:
        """EIP-695."""
        return quantity(self._backend.chain_id)

    @rpc("eth_blockNumber")
    def block_number(self) -> str:
        """Number of the newest block."""
        return quantity(self._backend.head().number)

    @rpc("eth_syncing")
    def syncing(self) -> bool:
        """False: a derived block is served as soon as it is executed."""
        return False

    @rpc("eth_getBlockByNumber", _NUMBER, _FULL)
    def get_block_by_number(self, block: BlockId, full: bool) -> Json | None:
        """A canonical block, or null."""
        header = self._backend.find(block)
        return None if header is None else self._backend.block_json(header.hash, full=full)

    @rpc("eth_getBlockByHash", _HASH, _FULL)
    def get_block_by_hash(self, block_hash: Hash32, full: bool) -> Json | None:
        """A block, canonical or not, or null."""
        return self._backend.block_json(block_hash, full=full)

    @rpc("eth_getBlockReceipts", _BLOCK, heavy=True)
    def get_block_receipts(self, block: BlockId) -> list[Json] | None:
        """All receipts of a block, or null."""
        header = self._backend.find(block)
        return None if header is None else self._backend.receipts_json(header.hash)

    @rpc("eth_getBlockTransactionCountByNumber", _NUMBER)
    def count_by_number(self, block: BlockId) -> str | None:
        """How many transactions a canonical block has, or null."""
        header = self._backend.find(block)
        return None if header is None else self.count_by_hash(header.hash)

    @rpc("eth_getBlockTransactionCountByHash", _HASH)
    def count_by_hash(self, block_hash: Hash32) -> str | None:
        """How many transactions a block has, or null."""
        block = self._backend.block(block_hash)
        return None if block is None else quantity(len(block.transactions))

    @rpc("eth_getUncleCountByBlockNumber", _NUMBER)
    @rpc("eth_getUncleCountByBlockHash", _BLOCK)
    def uncle_count(self, block: BlockId) -> str | None:
        """How many uncles a block has; none since the merge, and none on an L2."""
        found = self._find_block(block)
        return None if found is None else quantity(len(found.ommers))

    @rpc("eth_getUncleByBlockNumberAndIndex", _NUMBER, _INDEX)
    @rpc("eth_getUncleByBlockHashAndIndex", _BLOCK, _INDEX)
    def uncle(self, block: BlockId, index: int) -> Json | None:
        """The header of an uncle, or null."""
        found = self._find_block(block)
        if found is None or index >= len(found.ommers):
            return None
        return self._backend.header_json(found.ommers[index])

    def _find_block(self, block: BlockId) -> Block | None:
        header = self._backend.find(block)
        return None if header is None else self._backend.block(header.hash)

    @rpc("eth_accounts")
    def accounts(self) -> list[str]:
        """Accounts this node signs for: the development accounts, or none."""
        return [data(account) for account in self._backend.keys]

    @rpc("debug_getRawHeader", _BLOCK)
    def raw_header(self, block: BlockId) -> str:
        """A header in consensus encoding."""
        return data(self._backend.resolve(block).encode())

    @rpc("debug_getRawBlock", _BLOCK)
    def raw_block(self, block: BlockId) -> str:
        """A block in consensus encoding."""
        header = self._backend.resolve(block)
        found = self._backend.block(header.hash)
        return data(found.encode()) if found is not None else "0x"

    @rpc("debug_getRawReceipts", _BLOCK)
    def raw_receipts(self, block: BlockId) -> list[str]:
        """A block's receipts in consensus encoding."""
        found = self._backend.block_with_receipts(self._backend.resolve(block).hash)
        return [data(receipt.encode()) for receipt in found[1]] if found is not None else []

    @rpc("eth_feeHistory", Parameter("blocks", parameters.number), _NUMBER,
         Parameter("percentiles", parameters.percentiles, ()), heavy=True)  # fmt: skip
    def fee_history(self, count: int, newest: BlockId, percentiles: tuple[float, ...]) -> Json:
        """Base fees, gas use and tips of up to 1024 blocks."""
        return self._backend.fee_history(count, newest, percentiles)

    @rpc("eth_getHeaderByNumber", _NUMBER)
    def get_header_by_number(self, block: BlockId) -> Json | None:
        """A header alone, or null."""
        header = self._backend.find(block)
        return None if header is None else self._backend.header_json(header)
