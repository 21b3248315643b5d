"""EELS, the execution specification in Python, Prague: transactions, then the state root.

As with py-evm, rows of transactions hold no block around them; the mixed block is decoded and goes
through the whole state transition, with every root compared.
"""

from __future__ import annotations

from typing import Any

from ethereum.forks.prague import blocks, fork, state, transactions, vm
from ethereum_rlp import rlp
from ethereum_types.bytes import Bytes20
from ethereum_types.numeric import U64, U256, Uint
from execution_load import Load
from execution_machine import Machine


class Eels(Machine):
    """One chain of EELS, at the block behind the set-up."""

    def __init__(self, load: Load) -> None:
        super().__init__(load)
        world = state.State()
        for address, account in load.accounts.items():
            known = state.Account(
                nonce=Uint(account.nonce),
                balance=U256(account.balance),
                code=bytes.fromhex(account.code),
            )
            state.set_account(world, Bytes20(address), known)
        header = rlp.decode_to(blocks.Header, bytes.fromhex(load.genesis))
        genesis = blocks.Block(header=header, transactions=(), ommers=(), withdrawals=())
        chain_id = U64(load.chain_id)
        self._chain = fork.BlockChain(blocks=[genesis], state=world, chain_id=chain_id)
        fork.state_transition(self._chain, self._decoded(load.set_up.block))
        self._block = bytes.fromhex(load.block.block)
        self._environment = self._around(self._decoded(load.block.block).header)
        self._output = vm.BlockOutput()

    def _decoded(self, block: str) -> Any:  # noqa: ANN401 - EELS is untyped to us
        return rlp.decode_to(blocks.Block, bytes.fromhex(block))

    def _around(self, header: Any) -> Any:  # noqa: ANN401
        return vm.BlockEnvironment(
            chain_id=self._chain.chain_id,
            state=self._chain.state,
            block_gas_limit=header.gas_limit,
            block_hashes=fork.get_last_256_block_hashes(self._chain),
            coinbase=header.coinbase,
            number=header.number,
            base_fee_per_gas=header.base_fee_per_gas,
            time=header.timestamp,
            prev_randao=header.prev_randao,
            excess_blob_gas=header.excess_blob_gas,
            parent_beacon_block_root=header.parent_beacon_block_root,
        )

    def run(self) -> None:
        """Process transactions, or a block."""
        if self.load.is_import:
            block = rlp.decode_to(blocks.Block, self._block)
            fork.state_transition(self._chain, block)
            self._gas, self._root = block.header.gas_used, block.header.state_root
            return
        for index, raw in enumerate(self.raws):
            tx = transactions.decode_transaction(raw)
            fork.process_transaction(self._environment, self._output, tx, Uint(index))
        self._gas, self._root = self._output.block_gas_used, state.state_root(self._chain.state)

    def gas_used(self) -> int:
        """By all transactions."""
        return int(self._gas)

    def state_root(self) -> bytes:
        """After them."""
        return bytes(self._root)


MACHINE = Eels
