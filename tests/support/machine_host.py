"""A host of natives over the real machine: `FrameHost` of conformance_frame.py on py-evm."""

from __future__ import annotations

from collections.abc import Mapping

from conformance_frame import Outcome

from chain.receipt import Log
from chain.state import MemoryStateStore, State
from chain.types import Address, Hash32
from evm.environment import BlockEnvironment
from evm.precompiles.frame import Native
from evm.pyevm.kinds import computation_with
from evm.pyevm.message import FrameMessage, TransactionFacts
from evm.pyevm.state import MachineState


class MachineHost:
    """Runs natives as the L2 does; each call is a transaction of its own."""

    chain_id = 901
    block_number = 1_000
    timestamp = 1_700_000_000

    def __init__(self, natives: Mapping[Address, Native]) -> None:
        self.state = State(MemoryStateStore())
        self._kind = computation_with(natives)
        block = BlockEnvironment(
            chain_id=self.chain_id,
            number=self.block_number,
            timestamp=self.timestamp,
            coinbase=Address(bytes(20)),
            prev_randao=Hash32(bytes(32)),
            gas_limit=30_000_000,
            base_fee=10**9,
            blob_base_fee=1,
            block_hash=lambda _number: None,
        )
        self._view = MachineState(self.state, block, self._kind.precompiles)
        for address in natives:
            self.state.set_nonce(address, 1)
            self.state.set_code(address, b"\xfe")

    def fund(self, account: Address, wei: int) -> None:
        """Add wei to an account out of nothing."""
        self.state.set_balance(account, self.state.get_balance(account) + wei)

    def balance(self, account: Address) -> int:
        """Wei of an account."""
        return self.state.get_balance(account)

    def storage(self, account: Address, slot: int) -> int:
        """A slot of an account."""
        return self.state.get_storage(account, slot)

    def call(
        self,
        to: Address,
        *,
        caller: Address,
        calldata: bytes = b"",
        value: int = 0,
        gas: int = 10_000_000,
        is_static: bool = False,
    ) -> Outcome:
        """Call a native from an account."""
        self.state.begin_transaction()
        self.state.warm_address(caller)  # as the sender of a transaction is (EIP-2929)
        code = self.state.get_code(to)
        message = FrameMessage(gas, to, caller, value, calldata, code, is_static=is_static)
        facts = TransactionFacts(caller, 0)
        frame = self._kind.apply_message(self._view, message, facts)
        logs = tuple(
            Log(address, tuple(Hash32(topic.to_bytes(32, "big")) for topic in topics), data)
            for address, topics, data in facts.logs
        )
        return Outcome(frame.succeeded, frame.output, gas - frame.gas_left, logs)
