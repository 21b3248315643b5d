"""What the namespaces may ask of one chain: its blocks and state, its pool, its news.

One backend per chain; the L2 and the embedded L1 differ only in their configuration. Reads see
committed blocks only, so they never wait for the block that is being built. Light reads share one
State of the head and belong to the event loop; heavy ones make a State of their own in their
thread.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from chain.block import Block, Header
from chain.crypto.keccak import keccak256
from chain.crypto.secp256k1 import sign
from chain.heads import Heads
from chain.receipt import Receipt
from chain.state import State
from chain.transaction import (
    DepositTransaction,
    DynamicFeeTransaction,
    LegacyTransaction,
    SignedTransaction,
    Transaction,
    decode_transaction,
    effective_tip_wei,
    recover_sender,
    remember_sender,
    sign_transaction,
)
from chain.types import Address, Hash32
from evm import fees
from evm.call import BlockOverride
from evm.engine import ExecutionEngine
from evm.forks import rules_at, rules_of
from rollup.bridge.l1_attributes import L1Attributes

from ..l1.blob_sidecar import decode_network_form, is_network_form, without_sidecar
from ..l1.blob_store import BlobStore
from ..sender_recovery import SenderRecovery
from ..shared_pool import SharedPool
from ..snapshot.note import NOTE
from . import errors
from .calls import CallService
from .errors import RpcError
from .events import EventHub
from .hexadecimal import quantity
from .parameters import LATEST, BlockId, TransactionArguments
from .serialise import Json, block_json, header_json, located, receipt_json, transaction_json

_DEFAULT_TIP_WEI = 1_000_000
_FEE_HISTORY_BLOCKS = 1024
_BLOCKS_ASKED_ABOUT = 4


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """Bounds of one query."""

    log_blocks: int = 10_000
    log_results: int = 20_000
    call_gas: int = 50_000_000


@dataclass(frozen=True, slots=True)
class _Executed:
    """A block with what its receipts are made of; `first_logs` counts the logs before each."""

    block: Block
    receipts: Sequence[Receipt]
    senders: Sequence[Address]
    prices: fees.L1FeeParameters | None
    first_logs: tuple[int, ...]


class Backend:
    """One chain as JSON-RPC sees it."""

    def __init__(
        self,
        engine: ExecutionEngine,
        pool: SharedPool,
        limits: QueryLimits,
        *,
        keys: Mapping[Address, bytes] | None = None,
        namespaces: Sequence[str] = (),
        schedule: Callable[[Callable[[], None]], object] | None = None,
        blobs: BlobStore | None = None,
        tag_depths: Mapping[str, int] | None = None,
        takes_transactions: bool = True,
        senders: SenderRecovery | None = None,
    ) -> None:
        """`keys` are development keys this node signs with; `schedule` runs a function on the
        event loop; `blobs` takes those of blob transactions; `tag_depths` gives the tags safe and
        finalized by depth, for a chain that has no such heads of its own; `senders` may know who
        sent a raw transaction.
        """
        self.engine = engine
        self.pool = pool
        self.limits = limits
        self.keys = dict(keys or {})
        # Accounts that a development chain sends for without their keys.
        self.impersonated: set[Address] = set()
        self.namespaces = tuple(namespaces)
        self.chain_id = engine.config.chain_id
        self.calls = CallService(engine, limits.call_gas)
        self.blobs = blobs
        self._tag_depths = dict(tag_depths or {})
        self._takes_transactions = takes_transactions
        self._recovery = senders
        self._asked_about: dict[Hash32, _Executed] = {}
        self._schedule = schedule or (lambda action: action())
        self._head_state: tuple[Hash32, State] | None = None
        self._prices: tuple[State, fees.L1FeeParameters] | None = None
        self._arrived: deque[tuple[SignedTransaction, Address]] = deque()
        self._announcing = False
        self.events = EventHub(self)
        self.peer_count: Callable[[], int] = lambda: 0
        """How many nodes this one talks to."""

        note = engine.store.meta(NOTE)
        self.begins_at: int = 0 if note is None else json.loads(note)["number"]
        """The block whose state came from peers; what is below was not executed here."""

    # Blocks

    def head(self) -> Header:
        """The newest header."""
        header = self.engine.header(self.engine.heads.unsafe.hash)
        if header is None:
            raise errors.header_not_found()
        return header

    def header_by_hash(self, block_hash: Hash32) -> Header | None:
        """A header, canonical or not."""
        return self.engine.header(block_hash)

    def header_by_number(self, number: int) -> Header | None:
        """A canonical header."""
        return self.engine.header_by_number(number)

    def find(self, block: BlockId) -> Header | None:
        """The header that an identifier means, or None."""
        if block.hash is not None:
            header = self.engine.header(block.hash)
            if header is not None and block.require_canonical:
                canonical = self.engine.header_by_number(header.number)
                if canonical is None or canonical.hash != header.hash:
                    raise RpcError(errors.SERVER_ERROR, "hash is not currently canonical")
            return header
        if block.number is not None:
            return self.engine.header_by_number(block.number)
        heads = self.engine.heads
        if block.tag == "earliest":
            return self.engine.header_by_number(0)
        if block.tag in self._tag_depths:
            depth = self._tag_depths[block.tag]
            return self.engine.header_by_number(max(0, heads.unsafe.number - depth))
        named = {"safe": heads.safe, "finalized": heads.finalized}.get(block.tag or "")
        return self.engine.header((named or heads.unsafe).hash)

    def resolve(self, block: BlockId) -> Header:
        """The header that an identifier means. Raises RpcError `header not found`."""
        header = self.find(block)
        if header is None:
            raise errors.header_not_found()
        return header

    def resolve_number(self, block: BlockId) -> int:
        """The number an identifier means; numbers above the head stay what they are."""
        return block.number if block.number is not None else self.resolve(block).number

    @property
    def heads(self) -> Heads:
        """Unsafe, safe and finalized head."""
        return self.engine.heads

    def block(self, block_hash: Hash32) -> Block | None:
        """A block, canonical or not."""
        return self.engine.block(block_hash)

    def block_with_receipts(self, block_hash: Hash32) -> tuple[Block, Sequence[Receipt]] | None:
        """A block and its receipts, canonical or not. Raises RpcError where only the receipts are
        not there: this node did not execute the block.
        """
        block = self.engine.block(block_hash)
        if block is None:
            return None
        receipts = self.engine.receipts(block_hash)
        if receipts is None and block.transactions:
            raise errors.not_executed(block.number, self.begins_at)
        return block, receipts or ()

    def header_json(self, header: Header) -> Json:
        """A header as JSON."""
        return header_json(header)

    def block_json(self, block_hash: Hash32, *, full: bool) -> Json | None:
        """A block as JSON."""
        block = self.block(block_hash)
        if block is None:
            return None
        receipts = self.engine.receipts(block_hash) or ()
        senders = self._senders(block) if full else []
        return block_json(block, full=full, senders=senders, receipts=receipts)

    # Transactions

    def sender_of(self, transaction: Transaction) -> Address:
        """Who sent a transaction."""
        return recover_sender(transaction)

    def _senders(self, block: Block) -> Sequence[Address]:
        """Who sent each transaction of a block; the store knows, so nothing is recovered."""
        known = self.engine.senders(block.hash)
        return known or [self.sender_of(transaction) for transaction in block.transactions]

    def locate(self, transaction_hash: Hash32) -> tuple[Hash32, int] | None:
        """Block hash and index of a mined transaction."""
        return self.engine.transaction_location(transaction_hash)

    def transaction_json_at(self, block_hash: Hash32, index: int) -> Json:
        """A mined transaction as JSON."""
        block = self.block(block_hash)
        if block is None:
            raise errors.header_not_found()
        receipts = self.engine.receipts(block_hash) or ()
        transaction = block.transactions[index]
        receipt = receipts[index] if index < len(receipts) else None
        sender = self._senders(block)[index]
        return transaction_json(transaction, sender, located(block, index), receipt)

    def receipt_json(self, block_hash: Hash32, index: int) -> Json:
        """A receipt as JSON."""
        return self._receipt(self._executed(block_hash), index)

    def receipts_json(self, block_hash: Hash32) -> list[Json]:
        """All receipts of a block as JSON."""
        executed = self._executed(block_hash)
        return [self._receipt(executed, index) for index in range(len(executed.senders))]

    def _executed(self, block_hash: Hash32) -> _Executed:
        """What a block's receipts are made of; who waits for one will ask for others of it."""
        known = self._asked_about.get(block_hash)
        if known is None:
            found = self.block_with_receipts(block_hash)
            if found is None:
                raise errors.header_not_found()
            block, receipts = found
            counts = (len(receipt.logs) for receipt in receipts)
            known = _Executed(
                block,
                receipts,
                self._senders(block),
                self._l1_fee_parameters(block.header),
                tuple(accumulate(counts, initial=0)),
            )
            if len(self._asked_about) >= _BLOCKS_ASKED_ABOUT:
                self._asked_about.clear()
            self._asked_about[block_hash] = known
        return known

    def _receipt(self, executed: _Executed, index: int) -> Json:
        block, prices = executed.block, executed.prices
        transaction = block.transactions[index]
        rollup_fields = None if prices is None else _rollup_fields(prices, transaction)
        has_blobs = block.header.excess_blob_gas is not None
        return receipt_json(
            block,
            index,
            executed.receipts,
            executed.senders[index],
            first_log_index=executed.first_logs[index],
            blob_gas_price_wei=self._blob_price(block.header) if has_blobs else None,
            rollup_fields=rollup_fields,
        )

    def _l1_fee_parameters(self, header: Header) -> fees.L1FeeParameters | None:
        """What L1Block said in a block; the L1-attributes deposit writes it before all else."""
        if not self.engine.config.is_optimism or header.number == 0:
            return None
        if not self.engine.store.keeps_state(header):
            return self._l1_fees_told_to(header)
        state, rules = self.engine.state_at(header), rules_of(self.engine.config, header)
        return fees.l1_attributes(state.get_storage, rules.optimism)

    def _l1_fees_told_to(self, header: Header) -> fees.L1FeeParameters | None:
        """What the L1-attributes deposit of a block says, which L1Block said once it had run."""
        block = self.engine.block(header.hash)
        if block is None or not block.transactions:
            return None
        told = L1Attributes.decode(block.transactions[0].data)
        prices = fees.L1FeeParameters(
            base_fee=told.base_fee,
            blob_base_fee=told.blob_base_fee,
            base_fee_scalar=told.base_fee_scalar,
            blob_base_fee_scalar=told.blob_base_fee_scalar,
            operator_fee_scalar=told.operator_fee_scalar,
            operator_fee_constant=told.operator_fee_constant,
            overhead=told.overhead,
            bedrock_scalar=told.bedrock_scalar,
            da_footprint_gas_scalar=told.da_footprint_gas_scalar,
        )
        optimism = rules_of(self.engine.config, header).optimism
        return prices if optimism is None else prices.under(optimism)

    # State

    def state(self, block: BlockId) -> State:
        """A state for light reads on the event loop; the head's is kept between calls."""
        if block.tag not in ("latest", "pending"):
            return self.fresh_state(block)
        kept = self._head_state
        if kept is not None and kept[0] == self.engine.heads.unsafe.hash:
            return kept[1]
        header = self.resolve(block)
        self._head_state = (header.hash, self.engine.state_at(header))
        return self._head_state[1]

    def fresh_state(self, block: BlockId) -> State:
        """A state that belongs to the caller's thread."""
        return self.engine.state_at(self.resolve(block))

    # Fees

    def next_base_fee(self) -> int:
        """Base fee of the next block, wei per gas."""
        return fees.next_base_fee(self.engine.config, self.head())

    def suggested_tip(self) -> int:
        """A tip that gets a transaction mined, wei per gas."""
        return _DEFAULT_TIP_WEI

    def blob_base_fee(self) -> int | None:
        """Price of blob gas in the next block in wei; None where blobs are refused."""
        if self.engine.config.is_optimism:
            return None
        return self._next_blob_price(self.head())

    def fee_history(self, count: int, newest: BlockId, percentiles: tuple[float, ...]) -> Json:
        """The answer of eth_feeHistory."""
        last = self.resolve(newest)
        count = max(1, min(count, _FEE_HISTORY_BLOCKS, last.number + 1))
        numbers = range(last.number - count + 1, last.number + 1)
        headers = [header for n in numbers if (header := self.header_by_number(n)) is not None]
        base_fees = [header.base_fee_per_gas or 0 for header in headers]
        base_fees.append(fees.next_base_fee(self.engine.config, last))
        body: Json = {
            "oldestBlock": quantity(headers[0].number),
            "baseFeePerGas": [quantity(fee) for fee in base_fees],
            "gasUsedRatio": [header.gas_used / header.gas_limit for header in headers],
            "baseFeePerBlobGas": [quantity(self._blob_price(header)) for header in headers]
            + [quantity(self._next_blob_price(last))],
            "blobGasUsedRatio": [self._blob_gas_ratio(header) for header in headers],
        }
        if percentiles:
            body["reward"] = [self._rewards(header, percentiles) for header in headers]
        return body

    def _blob_price(self, header: Header) -> int:
        """Wei for a unit of blob gas in a block; 0 before Cancun."""
        if header.excess_blob_gas is None:
            return 0
        rules = rules_at(self.engine.config, header.timestamp)
        return fees.blob_base_fee(header.excess_blob_gas, rules.blobs)

    def _next_blob_price(self, header: Header) -> int:
        """Wei for a unit of blob gas in the child of a block, under the block's own rules."""
        rules = rules_at(self.engine.config, header.timestamp)
        excess = fees.next_excess_blob_gas(self.engine.config, header)
        return fees.blob_base_fee(excess, rules.blobs)

    def _blob_gas_ratio(self, header: Header) -> float:
        if not header.blob_gas_used:
            return 0.0
        if self.engine.config.is_optimism:  # since Jovian the DA footprint, at most the gas limit
            return header.blob_gas_used / header.gas_limit
        return header.blob_gas_used / rules_at(self.engine.config, header.timestamp).max_blob_gas

    def _rewards(self, header: Header, percentiles: tuple[float, ...]) -> list[str]:
        """Tips at the percentiles of gas used, as geth weighs them."""
        block, receipts = self.block(header.hash), self.engine.receipts(header.hash)
        if block is None or not receipts:
            return ["0x0"] * len(percentiles)
        base_fee = header.base_fee_per_gas or 0
        tips: list[tuple[int, int]] = []
        before = 0
        for transaction, receipt in zip(block.transactions, receipts, strict=True):
            used, before = receipt.cumulative_gas_used - before, receipt.cumulative_gas_used
            if isinstance(transaction, DepositTransaction):
                tips.append((0, used))
            else:
                tips.append((effective_tip_wei(transaction, base_fee), used))
        tips.sort()
        rewards: list[str] = []
        for percentile in percentiles:
            threshold = header.gas_used * percentile / 100
            total = 0
            chosen = tips[-1][0]
            for tip, used in tips:
                total += used
                if total >= threshold:
                    chosen = tip
                    break
            rewards.append(quantity(chosen))
        return rewards

    # Sending

    def keep_blobs(self, raw: bytes) -> None:
        """Keep the blobs around a blob transaction, once they are the ones it names.

        Takes a third of a second a blob; touches nothing that the event loop uses.
        """
        if self.blobs is not None and is_network_form(raw):
            carrier, blobs = decode_network_form(raw)
            self.blobs.put(carrier.blob_versioned_hashes, blobs)

    def submit_raw(self, raw: bytes, before: Callable[[Hash32], None] | None = None) -> Hash32:
        """Decode, check and pool a signed transaction; its hash. Raises RpcError, PoolError.

        `before` hears the hash of what is well-formed before anybody is told of it.
        """
        if not raw:
            raise RpcError(errors.SERVER_ERROR, "typed transaction too short")
        transaction = decode_transaction(without_sidecar(raw) if self.blobs is not None else raw)
        if isinstance(transaction, DepositTransaction):
            raise RpcError(errors.SERVER_ERROR, "transaction type not supported")
        sender = None if self._recovery is None else self._recovery.sender_of(raw)
        if sender is not None:
            remember_sender(transaction, sender)
        if before is not None:
            before(transaction.hash)
        return self.submit(transaction)

    def submit(self, transaction: SignedTransaction, sender: Address | None = None) -> Hash32:
        """Pool a transaction and tell subscribers; `sender` None is whoever signed it."""
        if not self._takes_transactions:
            raise RpcError(
                errors.RESOURCE_UNAVAILABLE,
                "this node does not sequence: send transactions to the sequencer",
            )
        sender = self.sender_of(transaction) if sender is None else sender
        state = self.state(LATEST)
        extra_wei = 0
        if self.engine.config.is_optimism:
            prices = self._head_prices(state)
            extra_wei = fees.l1_fee(prices, transaction.encode())
            extra_wei += prices.operator_fee(transaction.gas_limit)
        self.pool.add(
            transaction,
            sender,
            state.get_nonce(sender),
            state.get_balance(sender),
            extra_cost_wei=extra_wei,
        )
        self._announce(transaction, sender)
        return transaction.hash

    def _announce(self, transaction: SignedTransaction, sender: Address) -> None:
        """Tell subscribers soon; one call on the event loop serves a whole batch."""
        self._arrived.append((transaction, sender))
        if not self._announcing:
            self._announcing = True
            self._schedule(self._announce_arrived)

    def _announce_arrived(self) -> None:
        # What another thread appends from here on is either seen below or scheduled by it.
        self._announcing = False
        while self._arrived:
            self.events.announce_pending(*self._arrived.popleft())

    def _head_prices(self, state: State) -> fees.L1FeeParameters:
        """What L1Block says at the head, read once a block."""
        if self._prices is None or self._prices[0] is not state:
            rules = rules_of(self.engine.config, self.head())
            self._prices = (state, fees.l1_attributes(state.get_storage, rules.optimism))
        return self._prices[1]

    def sign(self, request: TransactionArguments) -> SignedTransaction:
        """Fill in what a request leaves out and sign with a development key. Raises RpcError."""
        return self._signed(request, self._key(request.sender))

    def _signed(self, request: TransactionArguments, key: bytes) -> SignedTransaction:
        sender = request.sender or Address(b"")
        nonce = request.nonce
        if nonce is None:
            waiting = self.pool.pending_nonce(sender)
            nonce = max(self.state(LATEST).get_nonce(sender), waiting or 0)
        gas = request.gas
        if gas is None:
            gas = self.calls.estimate_gas(
                replace(request, nonce=None), self.head(), {}, BlockOverride()
            )
        if request.gas_price is not None:
            legacy = LegacyTransaction(
                chain_id=self.chain_id,
                nonce=nonce,
                gas_price=request.gas_price,
                gas_limit=gas,
                to=request.to,
                value=request.value,
                data=request.data,
            )
            return sign_transaction(legacy, key)
        tip = request.max_priority_fee_per_gas
        tip = self.suggested_tip() if tip is None else tip
        cap = request.max_fee_per_gas
        dynamic = DynamicFeeTransaction(
            chain_id=self.chain_id,
            nonce=nonce,
            max_priority_fee_per_gas=tip,
            max_fee_per_gas=2 * self.next_base_fee() + tip if cap is None else cap,
            gas_limit=gas,
            to=request.to,
            value=request.value,
            data=request.data,
            access_list=request.access_list,
        )
        return sign_transaction(dynamic, key)

    def sign_and_submit(self, request: TransactionArguments) -> Hash32:
        """eth_sendTransaction."""
        sender = request.sender
        if sender is None or sender in self.keys or sender not in self.impersonated:
            return self.submit(self.sign(request))
        # Some signature has to be there; the block records who sent it beside the transaction.
        return self.submit(self._signed(request, keccak256(b"impersonated" + sender)), sender)

    def sign_message(self, account: Address, message: bytes) -> bytes:
        """EIP-191 version 0x45: 65 bytes r, s, v with v 27 or 28. Raises RpcError."""
        prefix = b"\x19Ethereum Signed Message:\n" + str(len(message)).encode()
        signature = sign(keccak256(prefix + message), self._key(account))
        r, s = signature.r.to_bytes(32, "big"), signature.s.to_bytes(32, "big")
        return r + s + bytes((27 + signature.y_parity,))

    def _key(self, account: Address | None) -> bytes:
        key = None if account is None else self.keys.get(account)
        if key is None:
            raise RpcError(errors.SERVER_ERROR, "unknown account")
        return key


def _rollup_fields(prices: fees.L1FeeParameters, transaction: Transaction) -> Json:
    """The L1 fee fields of an OP Stack receipt, as op-geth fills them in each fork."""
    body: Json = {"l1GasPrice": quantity(prices.base_fee), "l1GasUsed": "0x0", "l1Fee": "0x0"}
    if prices.is_bedrock:
        body["l1FeeScalar"] = f"{prices.bedrock_scalar / 10**6:.10g}"
    else:
        body["l1BlobBaseFee"] = quantity(prices.blob_base_fee)
        body["l1BaseFeeScalar"] = quantity(prices.base_fee_scalar)
        body["l1BlobBaseFeeScalar"] = quantity(prices.blob_base_fee_scalar)
    if prices.operator_fee_scalar or prices.operator_fee_constant:
        body["operatorFeeScalar"] = quantity(prices.operator_fee_scalar)
        body["operatorFeeConstant"] = quantity(prices.operator_fee_constant)
    if prices.da_footprint_gas_scalar:
        body["daFootprintGasScalar"] = quantity(prices.da_footprint_gas_scalar)
    if not isinstance(transaction, DepositTransaction):
        encoded = transaction.encode()
        body["l1GasUsed"] = quantity(fees.l1_gas(prices, encoded))
        body["l1Fee"] = quantity(fees.l1_fee(prices, encoded))
        if prices.da_footprint_gas_scalar:
            body["blobGasUsed"] = quantity(prices.da_footprint(encoded))
    return body
