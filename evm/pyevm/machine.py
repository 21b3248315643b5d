"""The door of this room: run one message on a state and say what came of it.

Warm sets of the transaction are prepared here (EIP-2929, 3651); buying gas, nonces, access lists
and refunds are the caller's (`evm/transition.py`).
"""

from __future__ import annotations

from chain.receipt import Log
from chain.state import State
from chain.types import Address, Hash32

from ..delegation import delegation_of
from ..environment import BlockEnvironment, Message, Outcome
from ..tracing import Tracer
from .computation import Computation
from .errors import describe
from .kinds import computation_for
from .message import FrameMessage, TransactionFacts
from .state import machine_state
from .tracer import traced


class Machine:
    """Runs the messages of one block on one state."""

    def __init__(
        self,
        state: State,
        block: BlockEnvironment,
        *,
        tracer: Tracer | None = None,
    ) -> None:
        self._rules = rules = block.rules.machine
        kind = computation_for(rules)
        self._kind = kind if tracer is None else traced(kind, tracer)
        self._state = state
        self._precompiles = rules.precompiles
        self._view = machine_state(state, block, self._precompiles)
        self._block = block

    def run(self, message: Message) -> Outcome:
        """Run a message. The sender must hold its value; state changes of a failure are undone."""
        to, kind = message.to, self._kind
        code = b"" if to is None else self._state.get_code(to)
        if to is not None and not (code or kind.is_traced or to in self._precompiles):
            return self._transfer(message, to)
        facts = TransactionFacts(message.sender, message.gas_price, message.blob_hashes)
        if to is None:
            frame = self._create_message(message)
            if self._view.has_code_or_nonce(frame.storage_address):
                return _failed("contract address collision")
            return self._outcome(kind.apply_create_message(self._view, frame, facts))
        frame = self._call_message(message, to, code)
        return self._outcome(kind.apply_message(self._view, frame, facts))

    def _transfer(self, message: Message, to: Address) -> Outcome:
        if message.value:
            self._view.delta_balance(message.sender, -message.value)
            self._view.delta_balance(to, message.value)
        else:
            self._view.touch_account(to)
        return Outcome(b"", message.gas, 0, (), (), None)

    def _warm(self, sender: Address, target: Address) -> None:
        self._state.begin_warm((sender, target))
        if self._rules.warms_coinbase:
            self._state.begin_warm((self._block.coinbase,))

    def _create_message(self, message: Message) -> FrameMessage:
        address = message.create_address
        if address is None:
            raise ValueError("a creation without an address")
        self._warm(message.sender, address)
        return FrameMessage(
            message.gas,
            b"",
            message.sender,
            message.value,
            b"",
            message.data,
            create_address=address,
        )

    def _call_message(self, message: Message, to: Address, code: bytes) -> FrameMessage:
        self._warm(message.sender, to)
        delegate = delegation_of(code) if self._rules.has_delegations else None
        if delegate is not None:
            self._state.begin_warm((delegate,))
            code = self._state.get_code(delegate)
        return FrameMessage(
            message.gas,
            to,
            message.sender,
            message.value,
            message.data,
            code,
            code_address=delegate,
            is_delegation=delegate is not None,
        )

    def _outcome(self, frame: Computation) -> Outcome:
        self._view.finish()
        if frame.error is not None:
            return Outcome(frame.output, frame.gas_left, 0, (), (), describe(frame.error))
        facts = frame.facts
        logs = tuple(
            [
                Log(address, tuple([Hash32(topic.to_bytes(32, "big")) for topic in topics]), data)
                for address, topics, data in facts.logs
            ]
        )
        destroyed = tuple(dict.fromkeys(facts.destroyed))
        refund = facts.refund + self._rules.self_destruct_refund * len(destroyed)
        return Outcome(frame.output, frame.gas_left, refund, logs, destroyed, None)


def _failed(error: str) -> Outcome:
    return Outcome(b"", 0, 0, (), (), error)
