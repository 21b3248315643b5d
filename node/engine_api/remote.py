"""Another execution client as the engine that our driver follows L1 with.

    build     forkchoiceUpdated with attributes, getPayload, newPayload
    commit    forkchoiceUpdated to the new block
    set_heads forkchoiceUpdated
    block     eth_getBlockByHash for the header, getPayloadBodiesByHash for the rest

Whatever is read is checked against the hash it was asked by. Knows the protocol, not the transport:
`call` may be a client over HTTP or anything else that answers. After a call that may or may not
have been carried out, the heads are asked for again before they are used.

Source: execution-apis src/engine; op-node/rollup/engine for the order of the calls.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from chain.block import Block, Header, transactions_root
from chain.errors import DecodeError, Recovery, StemmaError
from chain.heads import BlockId, Heads, InvalidHeadMove
from chain.txpool import PooledTransaction
from chain.types import ZERO_HASH, Hash32
from evm.errors import InvalidAttributes
from evm.executor import PayloadAttributes
from genesis.config import ChainConfig

from ..l1.decoding import header_from_json
from ..rpc import parameters
from ..rpc.errors import InvalidParameter
from ..rpc.hexadecimal import data
from . import errors, payloads
from .client import EngineCallFailed
from .namespace import CANCUN, OSAKA, PRAGUE, SHANGHAI, era_at
from .payloads import AttributesJson, BlockExtras, ForkchoiceState

Call = Callable[..., Any]
_KEPT_BLOCKS = 512
_NOT_FOUND_WORDS = ("not found", "unknown block")


class EngineAnswerInvalid(StemmaError):
    """The execution client's answer contradicts itself, or what it was asked."""


class EngineBehind(StemmaError):
    """The execution client is still looking for blocks that ours builds on."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


@dataclass(frozen=True, slots=True)
class RemoteBlock:
    """A block that the other client has built; what came of it besides stays there."""

    block: Block

    @property
    def header(self) -> Header:
        """The block's header."""
        return self.block.header


class RemoteEngine:
    """What `rollup.driver` needs of an engine, by calls to one that runs elsewhere.

    Raises, besides what each method says: EngineUnreachable and EngineBehind (try again),
    EngineCallFailed, EngineAnswerInvalid.
    """

    def __init__(self, call: Call, config: ChainConfig, genesis: BlockId) -> None:
        """`genesis` stands for a safe or finalized head that the client does not have yet."""
        self.config = config
        self._call = call
        self._genesis = genesis
        self._heads: Heads | None = None
        self._last_heads = Heads.at_genesis(genesis)
        self._blocks: OrderedDict[Hash32, Block] = OrderedDict()

    def require_chain(self) -> None:
        """Raises EngineAnswerInvalid unless the client runs this very chain."""
        chain_id = parameters.quantity(self._call("eth_chainId"))
        if chain_id != self.config.chain_id:
            raise EngineAnswerInvalid(
                f"the execution client runs chain {chain_id}, not {self.config.chain_id}"
            )
        found = self._id_of(hex(self._genesis.number))
        if found != self._genesis:
            raise EngineAnswerInvalid(
                f"the execution client begins with {found}, the rollup with {self._genesis}"
            )

    # -- reading

    @property
    def heads(self) -> Heads:
        """Unsafe, safe and finalized head."""
        if self._heads is None:
            unsafe = self._id_of("latest") or self._genesis
            safe = self._id_of("safe") or self._genesis
            finalized = self._id_of("finalized") or self._genesis
            begin = Heads.at_genesis(self._genesis)
            self._heads = begin.moved(unsafe=unsafe, safe=safe, finalized=finalized)
            self._last_heads = self._heads
        return self._heads

    @property
    def known_heads(self) -> Heads:
        """The heads as they were when they were last known; asks nobody."""
        return self._last_heads

    def block(self, block_hash: Hash32) -> Block | None:
        """The block of that hash, canonical or not."""
        if block_hash in self._blocks:
            self._blocks.move_to_end(block_hash)
            return self._blocks[block_hash]
        item = self._call("eth_getBlockByHash", data(block_hash), False)
        if item is None:
            return None
        block = self._complete(item)
        if block.hash != block_hash:
            raise EngineAnswerInvalid(
                f"asked for block 0x{block_hash.hex()}, got 0x{block.hash.hex()}"
            )
        return self._keep(block)

    def block_by_number(self, number: int) -> Block | None:
        """The canonical block of that number."""
        found = self._id_of(hex(number))
        return None if found is None else self.block(found.hash)

    # -- building

    def build(
        self, attributes: PayloadAttributes, candidates: Iterable[PooledTransaction] = ()
    ) -> RemoteBlock:
        """Have a block built on top of the unsafe head, and made known; it is no head yet.

        `candidates` are none: the client has a pool of its own, which derivation keeps out. Raises
        InvalidAttributes where the client finds the block invalid.
        """
        del candidates
        return self._built(attributes, fills=False)

    def seal(
        self,
        parent: Header,
        attributes: PayloadAttributes,
        *,
        fills: bool,
        stop: Callable[[], bool] | None = None,
    ) -> RemoteBlock:
        """Have the sequencer's next block built, filled from the client's own pool or not, and make
        it the unsafe head. When it is full, the client decides. Raises as `build` and `commit`.
        """
        del parent, stop
        result = self._built(attributes, fills=fills)
        self.commit(result)
        return result

    def _built(self, attributes: PayloadAttributes, *, fills: bool) -> RemoteBlock:
        self._heads, heads = None, self.heads  # until the answer says what has become of them
        state = ForkchoiceState(attributes.parent_hash, heads.safe.hash, heads.finalized.hash)
        answer = self._forkchoice(state, self._attributes_json(attributes, fills=fills))
        payload_id = answer.get("payloadId")
        if payload_id is None:
            raise EngineAnswerInvalid("engine_forkchoiceUpdated: attributes, but no payloadId")
        block = self._fetch_payload(payload_id, attributes)
        self._heads = heads
        return RemoteBlock(block)

    def commit(self, result: RemoteBlock, *, is_safe: bool = False) -> None:
        """Make a block that was built the unsafe head, and the safe head with it where L1 has it.

        Raises InvalidHeadMove.
        """
        header = result.block.header
        if header.parent_hash != self.heads.unsafe.hash:
            raise InvalidHeadMove(
                f"unsafe head is {self.heads.unsafe}, block {header.number} has parent "
                f"0x{header.parent_hash.hex()}"
            )
        head = BlockId(header.number, header.hash)
        self._move(self.heads.moved(unsafe=head, safe=head if is_safe else None))

    def set_heads(
        self,
        *,
        unsafe: BlockId | None = None,
        safe: BlockId | None = None,
        finalized: BlockId | None = None,
    ) -> tuple[Block, ...]:
        """Move heads; unsafe may go back along its own chain.

        Returns the blocks that left it, highest first. Raises InvalidHeadMove.
        """
        before = self.heads
        after = before.moved(unsafe=unsafe, safe=safe, finalized=finalized)
        dropped = self._above(before.unsafe, after.unsafe)
        if after != before:
            self._move(after)
        return dropped

    def insert(self, block: Block) -> None:
        """Put a block that someone else has sealed on top of the unsafe head.

        Raises InvalidHeadMove, InvalidAttributes where the client finds it invalid.
        """
        if self.block(block.hash) is not None:
            return
        item = payloads.payload_json(block, is_optimism=self.config.is_optimism)
        self._hand_over(item, [], block.header.timestamp, block.header.parent_beacon_block_root)
        self.commit(RemoteBlock(self._keep(block)))

    # -- inside

    def _above(self, top: BlockId, target: BlockId) -> tuple[Block, ...]:
        blocks: list[Block] = []
        cursor = top
        while cursor.number > target.number:
            block = self.block(cursor.hash)
            if block is None:
                raise EngineAnswerInvalid(f"block {cursor} of the unsafe chain is missing")
            blocks.append(block)
            cursor = BlockId(cursor.number - 1, block.header.parent_hash)
        return tuple(blocks)

    def _move(self, heads: Heads) -> None:
        self._heads = None
        self._forkchoice(
            ForkchoiceState(heads.unsafe.hash, heads.safe.hash, heads.finalized.hash), None
        )
        self._heads = self._last_heads = heads

    def _forkchoice(
        self, state: ForkchoiceState, attributes: AttributesJson | None
    ) -> dict[str, Any]:
        version = 3
        if attributes is not None:
            era = era_at(self.config.forks, attributes.timestamp)
            version = 3 if era >= CANCUN else 2
        try:
            answer: dict[str, Any] = self._call(
                f"engine_forkchoiceUpdatedV{version}",
                state.to_json(),
                None if attributes is None else attributes.to_json(),
            )
        except EngineCallFailed as error:
            if error.code == errors.INVALID_PAYLOAD_ATTRIBUTES:
                raise InvalidAttributes(str(error)) from error
            if error.code == errors.INVALID_FORKCHOICE_STATE:
                raise InvalidHeadMove(str(error)) from error
            raise
        self._require_valid("engine_forkchoiceUpdated", answer["payloadStatus"])
        return answer

    def _require_valid(self, method: str, status: dict[str, Any]) -> None:
        kind, detail = status.get("status"), status.get("validationError")
        if kind == "VALID":
            return
        if kind in ("SYNCING", "ACCEPTED"):
            raise EngineBehind(f"{method}: the execution client is {kind}")
        raise InvalidAttributes(f"{method}: {kind}: {detail}")

    def _attributes_json(self, attributes: PayloadAttributes, *, fills: bool) -> AttributesJson:
        forks, time = self.config.forks, attributes.timestamp
        era = era_at(forks, time)
        params = attributes.eip1559_params or (0, 0)
        return AttributesJson(
            timestamp=time,
            prev_randao=attributes.prev_randao,
            fee_recipient=attributes.fee_recipient,
            withdrawals=attributes.withdrawals if era >= SHANGHAI else None,
            parent_beacon_block_root=(
                attributes.parent_beacon_block_root if era >= CANCUN else None
            ),
            transactions=tuple(tx.encode() for tx in attributes.transactions),
            no_tx_pool=not fills,
            gas_limit=attributes.gas_limit,
            eip1559_params=params if forks.is_active("holocene", time) else None,
            min_base_fee=attributes.min_base_fee,
        )

    def _fetch_payload(self, payload_id: str, attributes: PayloadAttributes) -> Block:
        """Take the block, check it, and hand it back as a new payload."""
        era = era_at(self.config.forks, attributes.timestamp)
        version = {OSAKA: 5, PRAGUE: 4, CANCUN: 3}.get(era, 2)
        envelope = self._call(f"engine_getPayloadV{version}", payload_id)
        item = envelope["executionPayload"]
        requests = envelope.get("executionRequests") or []
        root = attributes.parent_beacon_block_root
        extras = BlockExtras(
            root if era >= CANCUN else None,
            payloads.byte_strings(requests) if era >= PRAGUE else None,
        )
        try:
            payload = payloads.read_payload(item, extras)
        except (InvalidParameter, DecodeError) as error:
            raise EngineAnswerInvalid(f"engine_getPayload: {error}") from error
        if payload.block.hash != payload.claimed_hash:
            raise EngineAnswerInvalid(
                f"engine_getPayload: the payload hashes to 0x{payload.block.hash.hex()}, "
                f"it claims 0x{payload.claimed_hash.hex()}"
            )
        self._hand_over(item, requests, attributes.timestamp, root)
        return self._keep(payload.block)

    def _hand_over(
        self, item: dict[str, Any], requests: list[str], timestamp: int, root: Hash32 | None
    ) -> None:
        """Make a payload known. Raises InvalidAttributes where it is found invalid."""
        era = era_at(self.config.forks, timestamp)
        arguments: list[object] = [item]
        if era >= CANCUN:
            arguments += [[], data(root or ZERO_HASH)]
        if era >= PRAGUE:
            arguments.append(requests)
        method = f"engine_newPayloadV{4 if era >= PRAGUE else 3 if era >= CANCUN else 2}"
        self._require_valid(method, self._call(method, *arguments))

    def _id_of(self, tag: str) -> BlockId | None:
        try:
            item = self._call("eth_getBlockByNumber", tag, False)
        except EngineCallFailed as error:
            if any(words in str(error).lower() for words in _NOT_FOUND_WORDS):
                return None
            raise
        if item is None:
            return None
        return BlockId(parameters.quantity(item["number"]), parameters.hash32(item["hash"]))

    def _complete(self, item: dict[str, Any]) -> Block:
        """A header, checked against its hash, and the body that its roots name."""
        header = header_from_json(item)
        (body,) = self._call("engine_getPayloadBodiesByHashV1", [item["hash"]])
        if body is None:
            raise EngineAnswerInvalid(f"block {header.number} {item['hash']} has no body")
        raw = payloads.byte_strings(body["transactions"])
        if transactions_root(raw) != header.transactions_root:
            raise EngineAnswerInvalid(
                f"block {header.number} {item['hash']}: the body is not of this header"
            )
        withdrawals = body.get("withdrawals")
        return Block(
            header,
            payloads.decode_all(raw),
            None if withdrawals is None else parameters.withdrawals(withdrawals),
        )

    def _keep(self, block: Block) -> Block:
        self._blocks[block.hash] = block
        while len(self._blocks) > _KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return block
