"""A whole rollup cranked by hand: an L1 and an L2 on real engines, and the actors between them.

    world = World()
    world.miner.mine()              one L1 block from what was sent to L1
    world.sequencer.build()         one L2 block
    world.batcher.submit()          batches of the sequencer's chain, sent to L1
    world.verifier.derive()         the L2 that follows from L1, as far as L1 goes

Nothing runs by itself and no clock is read: the time of a block is the one before plus block time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from chain import abi
from chain.heads import BlockId
from chain.storage.chain_store import ChainStore
from chain.storage.memory import MemoryStore
from chain.transaction import BlobTransaction, DynamicFeeTransaction, sign_transaction
from chain.trie import EMPTY_ROOT
from chain.txpool import TransactionPool
from chain.types import ZERO_ADDRESS
from evm.engine import ExecutionEngine
from evm.executor import PayloadAttributes
from genesis.allocation import (
    L1Anchor,
    dev_l1_genesis,
    genesis_block,
    l2_genesis,
    rollup_config,
)
from genesis.config import ForkTimes, default_batch_inbox
from genesis.dev_accounts import dev_account
from genesis.presets import l2_preset
from rollup.batcher.batcher import Batcher, BatcherOutOfSync
from rollup.batcher.payload import BatcherConfig
from rollup.driver.driver import Driver, StepKind
from rollup.l1.block import make_l1_block
from rollup.l1.provider import MemoryL1Provider
from rollup.sequencer.pool_builder import PoolBuilder
from rollup.sequencer.sequencer import Sequencer
from rollup.settlement.deploy import (
    DeploymentFees,
    SettlementParameters,
    deployment_transactions,
    settlement_addresses,
)
from rollup.wire.blob import blob_versioned_hash
from rollup.wire.output_root import output_of_header

L1_BLOCK_TIME = 12
GENESIS_TIME = 1_700_000_000
L2_CHAIN_ID = 901
FEES = {"max_priority_fee_per_gas": 10**9, "max_fee_per_gas": 20 * 10**9}
DEPLOYER = dev_account("deployer")
BATCHER = dev_account("batcher")


def transfer(chain_id, account, nonce, *, to=b"\x99" * 20, value=1, data=b"", gas_limit=200_000):
    """A signed transfer or call."""
    tx = DynamicFeeTransaction(
        chain_id=chain_id, nonce=nonce, gas_limit=gas_limit, to=to, value=value, data=data, **FEES
    )
    return sign_transaction(tx, account.private_key)


def with_forks(spec, forks):
    """The genesis of the same chain under other forks, with the extraData that they want."""
    extra_data = b""
    if forks.is_active("holocene", spec.timestamp):
        extra_data = spec.extra_data
    if forks.is_active("jovian", spec.timestamp):
        extra_data = b"\x01" + spec.extra_data[1:] + bytes(8)
    return replace(spec, config=replace(spec.config, forks=forks), extra_data=extra_data)


def genesis_output_root(spec):
    """The output root of block 0; before Isthmus the header says nothing of withdrawals."""
    header = genesis_block(spec)[0].header
    if not spec.config.forks.is_active("isthmus", spec.timestamp):
        header = replace(header, withdrawals_root=EMPTY_ROOT)
    return output_of_header(header).root


class L1Miner:
    """An L1 chain: transactions are queued by anyone and mined one block at a time."""

    def __init__(self):
        self.spec = dev_l1_genesis(GENESIS_TIME)
        self.store = ChainStore(MemoryStore())
        self.engine = ExecutionEngine.open(self.store, self.spec.config, genesis_block(self.spec))
        self.chain_id = self.spec.config.chain_id
        self.queue = []
        self.blobs = {}
        self._nonces = {}
        self.blocks = {}

    @property
    def head(self):
        return self.engine.header(self.engine.heads.unsafe.hash)

    def nonce(self, account):
        """The next nonce of an account, queued transactions counted."""
        if account.address not in self._nonces:
            state = self.engine.state_at(self.head)
            self._nonces[account.address] = state.get_nonce(account.address)
        return self._nonces[account.address]

    def send(self, tx):
        """Queue a signed transaction."""
        self.queue.append(tx)
        return tx.hash

    def send_as(self, account, *, to, data=b"", value=0, blobs=(), gas_limit=3_000_000):
        """Sign and queue a transaction; with blobs it is of type 3."""
        nonce = self.nonce(account)
        self._nonces[account.address] = nonce + 1
        common = {"chain_id": self.chain_id, "nonce": nonce, "gas_limit": gas_limit, "to": to,
                  "value": value, "data": data, **FEES}  # fmt: skip
        if not blobs:
            return self.send(sign_transaction(DynamicFeeTransaction(**common), account.private_key))
        hashes = tuple(blob_versioned_hash(blob) for blob in blobs)
        self.blobs.update(zip(hashes, blobs, strict=True))
        tx = BlobTransaction(**common, max_fee_per_blob_gas=10**9, blob_versioned_hashes=hashes)
        return self.send(sign_transaction(tx, account.private_key))

    def mine(self, count=1, *, empty=False, seconds=L1_BLOCK_TIME, salt=0):
        """Mine blocks; the first takes the whole queue unless `empty`. Returns the last."""
        for index in range(count):
            transactions = () if empty or index else tuple(self.queue)
            if transactions:
                self.queue.clear()
            parent = self.head
            attributes = PayloadAttributes(
                parent_hash=parent.hash,
                timestamp=parent.timestamp + seconds,
                prev_randao=(parent.number * 1000 + salt).to_bytes(32, "big"),
                fee_recipient=ZERO_ADDRESS,
                gas_limit=parent.gas_limit,
                parent_beacon_block_root=parent.hash,
                transactions=transactions,
                extra_data=salt.to_bytes(4, "big"),
            )
            self.engine.commit(self.engine.build(attributes))
        return self.l1_block(self.head.number)

    def rewind(self, depth):
        """Undo the last blocks. Returns the transactions that were in them, oldest first."""
        target = self.engine.header_by_number(self.head.number - depth)
        dropped = self.engine.set_heads(unsafe=BlockId(target.number, target.hash))
        self._nonces.clear()
        lost = sorted(dropped, key=lambda block: block.number)
        return [tx for block in lost for tx in block.transactions]

    def l1_block(self, number):
        """The canonical block as the rollup sees it."""
        block = self.engine.block_by_number(number)
        if block.hash not in self.blocks:
            hashes = [
                versioned_hash
                for tx in block.transactions
                if isinstance(tx, BlobTransaction)
                for versioned_hash in tx.blob_versioned_hashes
            ]
            self.blocks[block.hash] = make_l1_block(
                block.header,
                block.transactions,
                tuple(self.engine.receipts(block.hash)),
                {h: self.blobs[h] for h in hashes if h in self.blobs},
            )
        return self.blocks[block.hash]


class L1View:
    """One node's view of L1, brought up to date by hand."""

    def __init__(self, miner):
        self.miner = miner
        self.provider = MemoryL1Provider()
        self.sync()

    def sync(self, *, finalized=None):
        """See L1 as it is now; optionally note a finalized block number."""
        numbers = []
        for number in range(self.miner.head.number, -1, -1):
            block = self.miner.l1_block(number)
            if self._knows(block):
                break
            numbers.append(number)
        for number in reversed(numbers or [self.miner.head.number]):
            self.provider.set_head(self.miner.l1_block(number))
        if finalized is not None:
            self.provider.set_finalized(self.miner.l1_block(finalized).ref)

    def _knows(self, block):
        head = self.provider.head()
        return (
            head is not None
            and block.number <= head.number
            and self.provider.block_by_number(block.number).hash == block.hash
        )


class L2Node:
    """An L2 engine with a driver that follows L1; alone it is a verifier."""

    def __init__(self, config, spec, miner, *, kv=None):
        self.config = config
        self.spec = spec
        self.l1 = L1View(miner)
        self.kv = kv or MemoryStore()
        self.store = ChainStore(self.kv)
        self.engine = ExecutionEngine.open(self.store, spec.config, genesis_block(spec))
        self.driver = Driver(config, self.l1.provider, self.engine, self.store)
        self.returned = []
        self.steps = []

    @property
    def unsafe(self):
        return self.engine.block(self.engine.heads.unsafe.hash)

    @property
    def safe(self):
        return self.engine.block(self.engine.heads.safe.hash)

    @property
    def state(self):
        return self.engine.state_at(self.unsafe.header)

    def derive(self, *, finalized=None):
        """Look at L1 and derive all that it gives. Returns the safe block."""
        self.l1.sync(finalized=finalized)
        for _ in range(5_000):
            step = self.driver.step()
            self.steps.append(step.kind)
            self.returned.extend(step.returned)
            if step.kind is StepKind.WAITING:
                assert step.missing.number == self.l1.provider.head().number + 1, step.missing
                return self.safe
        raise AssertionError("derivation does not come to an end")

    def restarted(self):
        """The same node after a restart: all that it kept is its store."""
        return type(self)(self.config, self.spec, self.l1.miner, kv=self.kv)


class SequencerActor(L2Node):
    """A node that builds blocks as well."""

    def __init__(self, config, spec, miner, *, kv=None, confirmation_depth=0):
        super().__init__(config, spec, miner, kv=kv)
        self.pool = TransactionPool(chain_id=spec.config.chain_id)
        self.sequencer = Sequencer(
            config,
            self.l1.provider,
            PoolBuilder(self.engine, self.pool, is_for_inbox=config.has_inbox_contract),
            confirmation_depth=confirmation_depth,
        )

    def derive(self, *, finalized=None):
        """Look at L1 and derive; the pool follows, also where the unsafe head went back."""
        safe = super().derive(finalized=finalized)
        state = self.state
        self.pool.reset(lambda who: (state.get_nonce(who), state.get_balance(who)))
        return safe

    def send(self, account, *, to=b"\x99" * 20, value=1, data=b"", gas_limit=200_000):
        """Sign a transaction with the account's next nonce and put it into the pool."""
        nonce = max(
            self.pool.pending_nonce(account.address) or 0, self.state.get_nonce(account.address)
        )
        tx = transfer(
            self.config.l2_chain_id, account, nonce, to=to, value=value, data=data,
            gas_limit=gas_limit,
        )  # fmt: skip
        self.pool_add(tx, account.address)
        return tx

    def pool_add(self, tx, sender):
        state = self.state
        self.pool.add(tx, sender, state.get_nonce(sender), state.get_balance(sender))

    def build(self, count=1):
        """Build blocks, each as soon as it is due. Returns the last."""
        self.l1.sync()
        for _ in range(count):
            self.sequencer.build(self.sequencer.next_timestamp)
        return self.unsafe

    def build_to_l1_head(self):
        """Build until the next block would need a newer L1 block."""
        self.l1.sync()
        head = self.l1.provider.head()
        while self.sequencer.next_timestamp <= head.timestamp + L1_BLOCK_TIME - 2:
            self.sequencer.build(self.sequencer.next_timestamp)
        return self.unsafe


class BatcherActor:
    """Feeds a batcher from the sequencer's chain and sends what it gives to L1."""

    def __init__(self, node, miner, settings=None):
        self.node = node
        self.miner = miner
        self.settings = settings or BatcherConfig()
        self.batcher = Batcher(node.config, self.settings, node.engine.heads.safe)
        self.pending = {}
        self.account = BATCHER

    def feed(self):
        """Give the batcher the blocks it has not seen; start again when the chain has changed."""
        heads = self.node.engine.heads
        try:
            if self.batcher.tip.number > heads.unsafe.number:
                raise BatcherOutOfSync("the unsafe head went back")
            self._feed(heads.unsafe.number)
        except BatcherOutOfSync:
            self.batcher.reset(heads.safe)
            self._feed(heads.unsafe.number)

    def _feed(self, last):
        for number in range(self.batcher.tip.number + 1, last + 1):
            self.batcher.add_block(self.node.engine.block_by_number(number))

    def payloads(self):
        """Everything that is due, closing the open channel."""
        self.feed()
        self.batcher.close_channel()
        found = []
        while (payload := self.batcher.next_payload()) is not None:
            found.append(payload)
        return found

    def send(self, payload):
        """Queue one payload for L1."""
        inbox = self.node.config.batch_inbox_address
        tx_hash = self.miner.send_as(
            self.account, to=inbox, data=payload.data, blobs=payload.blobs(), gas_limit=6_000_000
        )
        self.pending[tx_hash] = payload.id

    def submit(self):
        """Send everything that is due. Returns the number of payloads."""
        payloads = self.payloads()
        for payload in payloads:
            self.send(payload)
        return len(payloads)

    def observe(self):
        """Report inclusions and the safe head to the batcher, as the node derived them."""
        head = self.miner.head
        for number in range(head.number + 1):
            block = self.miner.engine.block_by_number(number)
            for tx in block.transactions:
                if tx.hash in self.pending:
                    self.batcher.payload_included(
                        self.pending[tx.hash], BlockId(number, block.hash)
                    )
        self.batcher.l1_reorganised(self._is_canonical)
        self.batcher.l1_advanced(head.number)
        self.batcher.safe_head_moved(
            self.node.engine.heads.safe, self.node.driver.consumed_l1.number
        )

    def _is_canonical(self, block):
        header = self.miner.engine.header_by_number(block.number)
        return header is not None and header.hash == block.hash


@dataclass
class World:
    """L1 with the settlement contracts, a sequencer, a batcher and a verifier."""

    block_time: int = 2
    window: int = 20
    batcher_config: BatcherConfig = field(default_factory=BatcherConfig)
    confirmation_depth: int = 0
    channel_timeout: int = 50
    forks: ForkTimes | None = None

    def __post_init__(self):
        self.miner = L1Miner()
        preset = replace(
            l2_preset("minimal"),
            block_time=self.block_time,
            seq_window_size=self.window,
            channel_timeout=self.channel_timeout,
        )
        contracts = settlement_addresses(DEPLOYER.address, 0)
        anchor_header = self.miner.head
        anchor = L1Anchor(
            chain_id=self.miner.chain_id,
            block=BlockId(anchor_header.number, anchor_header.hash),
            timestamp=anchor_header.timestamp,
            portal=contracts.portal,
            system_config=contracts.system_config,
        )
        self.spec = l2_genesis(preset, anchor.timestamp, chain_id=L2_CHAIN_ID)
        if self.forks is not None:
            self.spec = with_forks(self.spec, self.forks)
        self.config = rollup_config(preset, anchor, BATCHER.address, self.spec)
        if self.forks is not None:
            self.config = replace(self.config, forks=self.forks)
        self.contracts = contracts
        creations = deployment_transactions(
            self.parameters(preset),
            deployer=DEPLOYER.address,
            nonce=0,
            l1_chain_id=self.miner.chain_id,
            fees=DeploymentFees(**FEES),
        )
        for creation in creations:
            self.miner.send(sign_transaction(creation, DEPLOYER.private_key))
        self.miner.mine()
        self.sequencer = SequencerActor(
            self.config, self.spec, self.miner, confirmation_depth=self.confirmation_depth
        )
        self.batcher = BatcherActor(self.sequencer, self.miner, self.batcher_config)
        self.verifier = self.new_verifier()

    def parameters(self, preset):
        """What the settlement contracts are told."""
        return SettlementParameters(
            owner=DEPLOYER.address,
            guardian=DEPLOYER.address,
            system_config=preset.system_config(BATCHER.address),
            unsafe_block_signer=ZERO_ADDRESS,
            batch_inbox=default_batch_inbox(L2_CHAIN_ID),
            l2_chain_id=L2_CHAIN_ID,
            anchor_root=genesis_output_root(self.spec),
            anchor_number=0,
            settlement=preset.settlement,
            l2_time=self.spec.timestamp,
            l2_block_time=self.block_time,
        )

    def new_verifier(self):
        """A node that knows L1 and the rollup config only."""
        return L2Node(self.config, self.spec, self.miner)

    def deposit(self, account, *, to, mint, value=None, gas_limit=100_000, data=b""):
        """Send ether from L1 to an address on L2 through the portal."""
        call = abi.selector("depositTransaction(address,uint256,uint64,bool,bytes)") + abi.encode(
            ["address", "uint256", "uint64", "bool", "bytes"],
            [to, mint if value is None else value, gas_limit, False, data],
        )
        return self.miner.send_as(account, to=self.contracts.portal, data=call, value=mint)

    def round(self, *, blocks=6, transfers=()):
        """Build L2 blocks, batch them, mine one L1 block."""
        for account, to, value in transfers:
            self.sequencer.send(account, to=to, value=value)
        self.sequencer.build(blocks)
        self.batcher.submit()
        return self.miner.mine()

    def converge(self):
        """Derive on both sides and check that they agree on every block up to the safe head."""
        sequencer, verifier = self.sequencer.derive(), self.verifier.derive()
        assert verifier.number == sequencer.number
        assert verifier.hash == sequencer.hash
        assert verifier.header.state_root == sequencer.header.state_root
        return verifier
