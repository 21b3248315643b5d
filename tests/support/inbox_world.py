"""A rollup cranked by hand whose batches go through a BatchInbox."""

from __future__ import annotations

from dataclasses import replace

from actors import BATCHER, DEPLOYER, FEES, BatcherActor, L2Node, SequencerActor, World

from chain import abi
from chain.transaction import sign_transaction
from evm.call import CallRequest
from genesis.allocation import genesis_block
from rollup.batcher.payload import batch_of
from rollup.derivation.inbox_reader import items_of
from rollup.derivation.journal import Explanation
from rollup.derivation.l2_block import l2_block_ref
from rollup.dispute.input_proof import begin, conclude, prove_header, read_receipts, scan
from rollup.driver.driver import Driver
from rollup.l1.block import PRAGUE_BLOB_BASE_FEE_UPDATE_FRACTION
from rollup.settlement.deploy import DeploymentFees, artifact, created_address
from rollup.settlement.inputs import inputs_addresses, inputs_creations
from rollup.wire.inbox_item import append_call, encode_item
from rollup.wire.output_root import output_of_header


class InboxBatcher(BatcherActor):
    """Sends items as calls of the contract."""

    def send(self, payload):
        call = append_call(payload.data)
        tx_hash = self.miner.send_as(
            self.account, to=self.node.config.batch_inbox_address, data=call, gas_limit=8_000_000
        )
        self.pending[tx_hash] = payload.id


class InboxWorld(World):
    """Everything reads and writes the contract; the verifier notes each rule."""

    def __post_init__(self):
        super().__post_init__()
        code = bytes.fromhex(artifact("BatchInbox")["bytecode"][2:])
        arguments = abi.encode(["address"], [self.contracts.system_config])
        inbox = created_address(DEPLOYER.address, self.miner.nonce(DEPLOYER))
        self.miner.send_as(DEPLOYER, to=None, data=code + arguments)
        self.miner.mine()
        self.config = replace(self.config, batch_inbox_address=inbox, has_inbox_contract=True)
        self.sequencer = SequencerActor(self.config, self.spec, self.miner)
        self.batcher = InboxBatcher(self.sequencer, self.miner, self.batcher_config)
        self.explanation = Explanation()
        self.verifier = self.noting()

    def noting(self, kv=None):
        """A verifier with a journal."""
        node = L2Node(self.config, self.spec, self.miner, kv=kv)
        node.driver = Driver(
            self.config, node.l1.provider, node.engine, node.store, journal=self.explanation
        )
        return node

    def restarted(self):
        """The verifier after a restart."""
        self.verifier = self.noting(kv=self.verifier.kv)
        return self.verifier

    @property
    def rules(self):
        """What derivation has applied."""
        return {note.rule for note in self.explanation.notes}

    def batches(self, first=1, last=None):
        """The batches of the sequencer's blocks."""
        engine = self.sequencer.engine
        last = engine.heads.unsafe.number if last is None else last
        blocks = [engine.block_by_number(number) for number in range(first, last + 1)]
        return [batch_of(block, l2_block_ref(self.config, block)) for block in blocks]

    def append(self, *batches, account=BATCHER):
        """Queue an item of these batches."""
        return self.append_bytes(encode_item(batches), account=account)

    def append_bytes(self, item, *, account=BATCHER):
        """Queue an item of any bytes."""
        inbox = self.config.batch_inbox_address
        return self.miner.send_as(account, to=inbox, data=append_call(item), gas_limit=8_000_000)

    def fall_back(self, account):
        """Give the verifier a block 3 of deposits alone; the batch that failed."""
        self.sequencer.build(2)
        self.sequencer.send(account, value=3)
        self.sequencer.build(2)
        made = self.batches()
        bad = replace(made[2], transactions=(b"\x02\xc0", b"\xf8"))
        self.append(*made[:2], bad)
        self.miner.mine()
        self.verifier.derive()
        assert self.verifier.safe.number == 3
        return bad


class ProvingWorld(InboxWorld):
    """An InboxWorld on whose L1 stand L1Blocks and BlockInputs too."""

    def __post_init__(self):
        super().__post_init__()
        nonce = self.miner.nonce(DEPLOYER)
        genesis = genesis_block(self.spec)[0].header
        creations = inputs_creations(
            self.config,
            self.spec.config,
            genesis,
            DEPLOYER.address,
            nonce=nonce,
            fees=DeploymentFees(**FEES),
            blob_base_fee_update_fraction=PRAGUE_BLOB_BASE_FEE_UPDATE_FRACTION,
        )
        self.proofs = inputs_addresses(DEPLOYER.address, nonce)
        for creation in creations:
            self.miner.send(sign_transaction(creation, DEPLOYER.private_key))
        self.miner._nonces.clear()
        self.miner.mine()
        # The inbox of before is the one that the chain uses: BlockInputs has to read that one.
        inbox = self.proofs.batch_inbox
        self.config = replace(self.config, batch_inbox_address=inbox)
        self.sequencer = SequencerActor(self.config, self.spec, self.miner)
        self.batcher = InboxBatcher(self.sequencer, self.miner, self.batcher_config)
        self.verifier = self.noting()
        self.gas = {}

    # -- proving

    def sent(self, to, data, *, gas_limit=16_777_216):
        """Run a call in an L1 block of its own; whether it succeeded."""
        tx_hash = self.miner.send_as(BATCHER, to=to, data=data, gas_limit=gas_limit)
        block = self.miner.mine()
        index = [tx.hash for tx in block.transactions].index(tx_hash)
        receipt = block.receipts[index]
        before = block.receipts[index - 1].cumulative_gas_used if index else 0
        name = data[:4].hex()
        self.gas[name] = max(self.gas.get(name, 0), receipt.cumulative_gas_used - before)
        if not receipt.succeeded:
            request = CallRequest(sender=BATCHER.address, to=to, data=data, gas=gas_limit)
            self.refusal = self.miner.engine.call(request, self.miner.head).output
        return receipt.succeeded

    def asked(self, to, signature, returns, *values):
        """Ask a contract on L1."""
        types = signature[signature.index("(") + 1 : -1]
        data = abi.selector(signature) + abi.encode(types.split(",") if types else [], values)
        request = CallRequest(sender=BATCHER.address, to=to, data=data)
        outcome = self.miner.engine.call(request, self.miner.head)
        assert outcome.error is None, outcome
        found = abi.decode(returns, outcome.output)
        return found[0] if len(found) == 1 else found

    def prove_l1_block(self, number, *, reads=True):
        """Record an L1 block, and read its receipts."""
        block = self.miner.l1_block(number)
        assert self.sent(self.proofs.l1_blocks, prove_header(block.header.encode()))
        is_read = self.asked(self.proofs.l1_blocks, "isRead(uint256)", ["bool"], number)
        if is_read or not reads:
            return
        for call in read_receipts(number, block.receipts, 0):
            assert self.sent(self.proofs.l1_blocks, call)

    def items(self):
        """(L1 block, data) of each item of the inbox."""
        found = []
        for number in range(self.miner.head.number + 1):
            block = self.miner.l1_block(number)
            found += [(number, item.data) for item in items_of(block, self.proofs.batch_inbox)]
        return found

    def prove_inputs(self, parent):
        """Prove the inputs of the block behind an L2 block; the inputs root."""
        output = output_of_header(parent.header)
        transactions = [tx.encode() for tx in parent.transactions] if parent.number else []
        to = self.proofs.block_inputs
        assert self.sent(to, begin(output.encode(), parent.header.encode(), transactions))
        origin = l2_block_ref(self.config, parent).l1_origin.number
        for number in (origin, origin + 1):
            self.prove_l1_block(number)
        items = self.items()
        index = next((i for i, (at, _) in enumerate(items) if at > origin), len(items))
        while True:
            _, _, _, found = self.asked(
                to, "progress(bytes32)", ["bool", "uint256", "uint256", "uint256"], output.root
            )
            if found or index == len(items):
                break
            if not self.sent(to, scan(output.root, index, items[index][1])):
                break
            index += 1
        assert self.sent(to, conclude(output.root, index))
        return self.asked(to, "inputsRoot(bytes32)", ["bytes32"], output.root)
