"""A rollup cranked by hand whose batches go through a BatchInbox."""

from __future__ import annotations

from dataclasses import replace

from actors import BATCHER, DEPLOYER, BatcherActor, L2Node, SequencerActor, World

from chain import abi
from rollup.derivation.journal import Explanation
from rollup.driver.driver import Driver
from rollup.settlement.deploy import artifact, created_address
from rollup.wire.inbox_item import append_call, encode_item


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

    def append(self, *batches, account=BATCHER):
        """Queue an item of these batches."""
        return self.append_bytes(encode_item(batches), account=account)

    def append_bytes(self, item, *, account=BATCHER):
        """Queue an item of any bytes."""
        inbox = self.config.batch_inbox_address
        return self.miner.send_as(account, to=inbox, data=append_call(item), gas_limit=8_000_000)
