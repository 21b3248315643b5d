"""py-evm as it comes, on the same transactions: decode, recover, execute, state root, no HTTP.

A lower bound for what a node around stock py-evm would cost: it has no RPC, pool, receipts trie or
disk to pay for.
"""

from __future__ import annotations

import time

from eth import constants
from eth.chains.base import MiningChain
from eth.consensus import NoProofConsensus
from eth.db.atomic import AtomicDB
from eth.vm.forks.prague import PragueVM
from workload import ADDRESSES, FUNDS_WEI

CHAIN_ID = 1337


class StockPyEvm:
    """One chain in memory; `run` times a list of raw transactions in one block."""

    def __init__(self, deployer: bytes) -> None:
        vm = PragueVM.configure(consensus_class=NoProofConsensus)
        chain_class = MiningChain.configure(
            __name__="BenchmarkChain",
            vm_configuration=((constants.GENESIS_BLOCK_NUMBER, vm),),
            chain_id=CHAIN_ID,
        )
        account = {"balance": FUNDS_WEI * 100, "nonce": 0, "code": b"", "storage": {}}
        genesis = {"difficulty": 0, "gas_limit": 10**10, "timestamp": 1, "base_fee_per_gas": 10**9}
        state = dict.fromkeys([*ADDRESSES, deployer], account)
        self.chain = chain_class.from_genesis(AtomicDB(), genesis, state)
        self.vm = self.chain.get_vm()
        self.header = self.vm.get_header()

    def run(self, raws: list[bytes]) -> float:
        """Seconds from raw bytes to a state root; every transaction must succeed."""
        decode = self.vm.get_transaction_builder().decode
        start = time.perf_counter()
        for raw in raws:
            _, computation = self.vm.apply_transaction(self.header, decode(raw))
            if computation.is_error:
                raise RuntimeError(f"stock py-evm: {computation.error!r}")
        self.vm.state.persist()
        return time.perf_counter() - start

    def empty_block(self) -> float:
        """Seconds to mine a block without transactions."""
        start = time.perf_counter()
        self.chain.mine_block()
        return time.perf_counter() - start
