"""py-evm as it comes, Prague: in rows of transactions decode, recover, execute and the state root.

No receipts trie, header or database is in those: a lower bound for what a node around it would
cost. The mixed block is decoded and imported with all of py-evm's checks.
"""

from __future__ import annotations

import rlp
from eth import constants
from eth.chains.base import MiningChain
from eth.consensus import NoProofConsensus
from eth.db.atomic import AtomicDB
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.headers import PragueBlockHeader
from execution_load import Load
from execution_machine import Machine


class PyEvm(Machine):
    """One chain in memory, at the block behind the set-up."""

    def __init__(self, load: Load) -> None:
        super().__init__(load)
        vm = PragueVM.configure(consensus_class=NoProofConsensus)
        kind = MiningChain.configure(
            __name__="BenchmarkChain",
            vm_configuration=((constants.GENESIS_BLOCK_NUMBER, vm),),
            chain_id=load.chain_id,
        )
        database = AtomicDB()
        header = rlp.decode(bytes.fromhex(load.genesis), sedes=PragueBlockHeader)
        params = {"difficulty": 0, "gas_limit": header.gas_limit, "timestamp": header.timestamp}
        state = {
            address: {
                "balance": account.balance,
                "nonce": account.nonce,
                "code": bytes.fromhex(account.code),
                "storage": {},
            }
            for address, account in load.accounts.items()
        }
        kind.from_genesis(database, params, state)
        self._chain = kind.from_genesis_header(database, header)
        self._blocks = vm.get_block_class()
        self._import(load.set_up.block)
        block = rlp.decode(bytes.fromhex(load.block.block), sedes=self._blocks)
        before = self._imported.header.state_root
        self._header = block.header.copy(gas_used=0, state_root=before)
        self._vm = self._chain.get_vm(self._header)
        self._gas = 0

    def _import(self, block: str) -> None:
        decoded = rlp.decode(bytes.fromhex(block), sedes=self._blocks)
        self._imported = self._chain.import_block(decoded).imported_block

    def run(self) -> None:
        """Apply transactions, or import a block."""
        if self.load.is_import:
            self._import(self.load.block.block)
            return
        decode = self._vm.get_transaction_builder().decode
        for raw in self.raws:
            receipt, computation = self._vm.apply_transaction(self._header, decode(raw))
            if computation.is_error:
                raise RuntimeError(f"a transaction fails: {computation.error!r}")
            self._gas += receipt.gas_used
        self._vm.state.persist()

    def gas_used(self) -> int:
        """By all transactions."""
        return self._imported.header.gas_used if self.load.is_import else self._gas

    def state_root(self) -> bytes:
        """Of the state, or of the imported header."""
        if self.load.is_import:
            return bytes(self._imported.header.state_root)
        return bytes(self._vm.state.state_root)


MACHINE = PyEvm
