"""revm through pyrevm: bare calls, whose senders are known beforehand.

No signatures, no tries, no blocks: it marks what the machine alone costs. What one call has touched
stays warm for the next, which pyrevm cannot end; its gas is its own. Under Cancun's rules, since
pyrevm lacks the precompiles of Prague; for these loads the two are the same.
"""

from __future__ import annotations

from typing import Any

import pyrevm
from execution_load import BlockData, Load
from execution_machine import Machine

from chain.transaction import decode_transaction, recover_sender

Call = tuple[str, str | None, bytes, int, int]


class Revm(Machine):
    """One machine behind the set-up."""

    def __init__(self, load: Load) -> None:
        super().__init__(load)
        block = pyrevm.BlockEnv(
            number=load.block.number,
            timestamp=load.block.timestamp,
            basefee=load.block.base_fee_wei,
            gas_limit=load.block.gas_limit,
        )
        env = pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=load.chain_id), block=block)
        self._machine = pyrevm.EVM(env=env, gas_limit=load.block.gas_limit, spec_id="CANCUN")
        for address, account in load.accounts.items():
            info = pyrevm.AccountInfo(
                balance=account.balance, nonce=account.nonce, code=bytes.fromhex(account.code)
            )
            self._machine.insert_account_info(_hexed(address), info)
        self._price = load.block.base_fee_wei
        self._gas = 0
        for call in _calls(load.set_up):
            self._run(call)
        self._prepared = _calls(load.block)
        self._gas = 0

    def run(self) -> None:
        """Call by call."""
        for call in self._prepared:
            self._run(call)

    def _run(self, call: Call) -> None:
        """Raises RuntimeError where the call fails."""
        sender, to, data, value, gas = call
        machine = self._machine
        if to is None:
            machine.deploy(deployer=sender, code=data, value=value, gas=gas)
        else:
            machine.message_call(
                sender, to, calldata=data, value=value, gas=gas, gas_price=self._price
            )
        self._gas += machine.result.gas_used

    def gas_used(self) -> int:
        """By all calls."""
        return self._gas


def _hexed(data: bytes) -> str:
    return "0x" + data.hex()


def _calls(block: BlockData) -> list[Call]:
    """Sender, receiver, data, value and gas of the transactions of a block."""
    found = []
    for raw in block.raws:
        tx: Any = decode_transaction(raw)
        to = None if tx.to is None else _hexed(tx.to)
        found.append((_hexed(recover_sender(tx)), to, tx.data, tx.value, tx.gas_limit))
    return found


MACHINE = Revm
