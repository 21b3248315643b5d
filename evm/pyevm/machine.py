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

    def _is_plain_transfer(self, to: Address) -> bool:
        """True where a call moves value and runs nothing: no code and no precompile."""
        return to not in self._precompiles and not self._state.get_code(to)

    def run(self, message: Message) -> Outcome:
        """Run a message. The sender must hold its value; state changes of a failure are undone."""
        to = message.to
        if to is not None and not self._kind.is_traced and self._is_plain_transfer(to):
            return self._transfer(message, to)
        self._warm(message)
        facts = TransactionFacts(message.sender, message.gas_price, message.blob_hashes)
        if message.to is None:
            frame = self._create_message(message)
            if self._view.has_code_or_nonce(frame.storage_address):
                return _failed("contract address collision")
            return self._outcome(self._kind.apply_create_message(self._view, frame, facts))
        frame = self._call_message(message, message.to)
        return self._outcome(self._kind.apply_message(self._view, frame, facts))

    def _transfer(self, message: Message, to: Address) -> Outcome:
        if message.value:
            self._view.delta_balance(message.sender, -message.value)
            self._view.delta_balance(to, message.value)
        else:
            self._view.touch_account(to)
        return Outcome(b"", message.gas, 0, (), (), None)

    def _warm(self, message: Message) -> None:
        state = self._state
        state.warm_address(message.sender)
        if self._rules.warms_coinbase:
            state.warm_address(self._block.coinbase)
        target = message.create_address if message.to is None else message.to
        if target is not None:
            state.warm_address(target)

    def _create_message(self, message: Message) -> FrameMessage:
        return FrameMessage(
            message.gas,
            b"",
            message.sender,
            message.value,
            b"",
            message.data,
            create_address=message.create_address,
        )

    def _call_message(self, message: Message, to: Address) -> FrameMessage:
        code = self._state.get_code(to)
        delegate = delegation_of(code) if self._rules.has_delegations else None
        if delegate is not None:
            self._state.warm_address(delegate)
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
