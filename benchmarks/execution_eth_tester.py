"""eth-tester on py-evm, as its users have it: each raw transaction is sent and mined by itself.

It cannot import a block, nor put many transactions into one without going through all of them
again for each, so every transaction gets a block; of rows of transactions it runs the first.
"""

from __future__ import annotations

from eth_tester import EthereumTester, PyEVMBackend
from execution_load import Load
from execution_machine import Machine


class EthTester(Machine):
    """One tester behind the set-up."""

    max_transactions = 200

    def __init__(self, load: Load) -> None:
        super().__init__(load)
        parameters = PyEVMBackend.generate_genesis_params(
            {"gas_limit": load.block.gas_limit, "timestamp": 1}
        )
        state = {
            address: {
                "balance": account.balance,
                "nonce": account.nonce,
                "code": bytes.fromhex(account.code),
                "storage": {},
            }
            for address, account in load.accounts.items()
        }
        backend = PyEVMBackend(genesis_parameters=parameters, genesis_state=state)
        backend.chain.chain_id = load.chain_id
        self._tester = EthereumTester(backend)
        self._send(load.set_up.raws)
        self._hashes: list[str] = []

    def _send(self, raws: list[bytes]) -> list[str]:
        return [self._tester.send_raw_transaction("0x" + raw.hex()) for raw in raws]

    def run(self) -> None:
        """Send transactions one by one."""
        self._hashes = self._send(self.raws)

    def gas_used(self) -> int:
        """By all receipts, which have to tell of success."""
        receipts = [self._tester.get_transaction_receipt(each) for each in self._hashes]
        if not all(receipt["status"] for receipt in receipts):
            raise RuntimeError("a transaction fails")
        return sum(receipt["gas_used"] for receipt in receipts)


MACHINE = EthTester
