"""A bare EVM for contract tests: py-evm's Prague rules over one state, no blocks, no fees.

Contracts are judged here by an EVM that the project did not write.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth.constants import BLANK_ROOT_HASH
from eth.db.atomic import AtomicDB
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.prague.state import PragueState
from eth.vm.message import Message
from eth.vm.transaction_context import BaseTransactionContext

from chain import abi
from chain.receipt import Log
from chain.types import Address, Hash32
from rollup.settlement.deploy import created_address

GAS = 30_000_000
SENDER = Address(b"\xaa" * 20)
_PRECOMPILES = tuple(Address(number.to_bytes(20, "big")) for number in range(1, 18))


@dataclass(frozen=True)
class Outcome:
    """What a call left behind. Gas is that of execution, without the transaction's own."""

    output: bytes
    gas_used: int
    gas_refund: int
    logs: tuple[Log, ...]
    succeeded: bool

    def refused_with(self, signature: str) -> bool:
        """Whether the call reverted with the custom error of that signature."""
        return not self.succeeded and self.output[:4] == abi.selector(signature)

    @property
    def reason(self) -> str:
        """The text of Error(string), for a call that reverted with one."""
        assert self.output[:4] == abi.selector("Error(string)"), self.output.hex()
        return abi.decode(["string"], self.output[4:])[0]


class ContractBench:
    """One world: place or deploy contracts, call them, look into their storage."""

    def __init__(self, *, block_number: int = 100, base_fee_wei: int = 7) -> None:
        context = ExecutionContext(
            coinbase=b"\x0c" * 20,
            timestamp=1_700_000_000,
            block_number=block_number,
            difficulty=0,
            mix_hash=b"\x0d" * 32,
            gas_limit=GAS,
            prev_hashes=[bytes([n]) * 32 for n in range(1, 5)],
            chain_id=901,
            base_fee_per_gas=base_fee_wei,
            excess_blob_gas=0,
        )
        self.state = PragueState(AtomicDB(), context, BLANK_ROOT_HASH)
        self.state.set_balance(SENDER, 10**24)

    @property
    def now(self) -> int:
        """Timestamp of the block in which calls run, in seconds."""
        return self.state.execution_context.timestamp

    def advance(self, seconds: int) -> None:
        """Let time pass; the block number goes on by one."""
        old = self.state.execution_context
        self.state.execution_context = ExecutionContext(
            coinbase=old.coinbase,
            timestamp=old.timestamp + seconds,
            block_number=old.block_number + 1,
            difficulty=old.difficulty,
            mix_hash=old.mix_hash,
            gas_limit=old.gas_limit,
            prev_hashes=tuple(old.prev_hashes),
            chain_id=old.chain_id,
            base_fee_per_gas=old.base_fee_per_gas,
            excess_blob_gas=0,
        )

    def place(self, address: Address, code: bytes) -> None:
        """Put runtime code at an address, as genesis does."""
        self.state.set_code(address, code)
        self.state.set_nonce(address, 1)

    def deploy(self, creation_code: bytes) -> Address:
        """Run creation code; return the new contract's address."""
        created, _ = self.create(creation_code)
        return created

    def create(self, creation_code: bytes) -> tuple[Address, Outcome]:
        """Run creation code; return the new contract's address and what the run left."""
        created = created_address(SENDER, self.state.get_nonce(SENDER))
        self.state.increment_nonce(SENDER)
        message = Message(
            gas=GAS, to=b"", sender=SENDER, value=0, data=b"", code=creation_code,
            create_address=created,
        )  # fmt: skip
        outcome = self._apply(message, SENDER, "apply_create_message")
        assert outcome.succeeded, outcome.output
        return created, outcome

    def send(
        self,
        to: Address,
        data: bytes = b"",
        *,
        value: int = 0,
        sender: Address = SENDER,
        origin: Address | None = None,
        gas: int = GAS,
        keeps: bool = True,
    ) -> Outcome:
        """Call a contract in a transaction of its own; as eth_call does where nothing is kept."""
        message = Message(
            gas=gas, to=to, sender=sender, value=value, data=data,
            code=self.state.get_code(to),
        )  # fmt: skip
        return self._apply(message, origin or sender, "apply_message", keeps=keeps)

    def view(self, to: Address, signature: str, returns: list[str], *args: Any) -> Any:
        """Call a function and decode what it returns; one value comes bare."""
        outcome = self.send(to, call_data(signature, *args))
        assert outcome.succeeded, (signature, outcome.output)
        values = abi.decode(returns, outcome.output)
        return values[0] if len(values) == 1 else values

    def _apply(self, message: Message, origin: Address, how: str, *, keeps: bool = True) -> Outcome:
        before = self.state.snapshot()
        context = BaseTransactionContext(gas_price=0, origin=origin)
        # EIP-2929: who sends, who is called and the precompiles are warm from the beginning.
        for warm in (origin, message.storage_address, *_PRECOMPILES):
            self.state.mark_address_warm(warm)
        apply = getattr(self.state.computation_class, how)
        computation = apply(self.state, message, context)
        logs = tuple(
            Log(Address(a), tuple(Hash32(t.to_bytes(32, "big")) for t in topics), data)
            for a, topics, data in computation.get_log_entries()
        )
        if not keeps:
            self.state.revert(before)
        self.state.lock_changes()
        # EIP-3529: at most a fifth of what was used comes back.
        refund = min(computation.get_gas_refund(), computation.get_gas_used() // 5)
        return Outcome(
            output=bytes(computation.output),
            gas_used=computation.get_gas_used(),
            gas_refund=refund,
            logs=logs,
            succeeded=not computation.is_error,
        )


def call_data(signature: str, *args: Any) -> bytes:
    """Selector and arguments of `name(type,…)`."""
    inner = signature[signature.index("(") + 1 : -1]
    return abi.selector(signature) + abi.encode(_split(inner), args)


def _split(types: str) -> list[str]:
    parts, depth = [""], 0
    for char in types:
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part for part in parts if part]
