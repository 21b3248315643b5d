"""debug_: what happened inside a transaction, told by running it again."""

from __future__ import annotations

from chain.types import Hash32
from evm.tracing import CallTracer, StructLogger

from . import errors, parameters
from .backend import Backend
from .errors import RpcError
from .hexadecimal import data
from .jsonrpc import Parameter, rpc
from .parameters import LATEST, BlockId, TransactionArguments
from .serialise import Json

_OPTIONS = Parameter("options", parameters.json_object, {})
_BLOCK = Parameter("block", parameters.block_id, LATEST)


def _tracer(options: dict[str, object]) -> StructLogger | CallTracer:
    """The tracer that geth's options ask for. Raises RpcError for one we do not have."""
    name = options.get("tracer")
    if name is None:
        return StructLogger(
            with_memory=bool(options.get("enableMemory", False)),
            with_stack=not options.get("disableStack", False),
            with_storage=not options.get("disableStorage", False),
        )
    if name == "callTracer":
        settings = options.get("tracerConfig")
        only_top = isinstance(settings, dict) and bool(settings.get("onlyTopCall"))
        return CallTracer(only_top_call=only_top)
    raise RpcError(
        errors.INVALID_PARAMS, f"tracer {name!r} is not known; known: callTracer, or none"
    )


class DebugNamespace:
    """debug_traceTransaction, traceCall, traceBlockByNumber, traceBlockByHash."""

    def __init__(self, backend: Backend) -> None:
        """The engine runs blocks again on the state before them."""
        self._backend = backend

    @rpc("debug_traceTransaction", Parameter("hash", parameters.hash32), _OPTIONS, heavy=True)
    def trace_transaction(self, transaction_hash: Hash32, options: dict[str, object]) -> Json:
        """One mined transaction."""
        found = self._backend.locate(transaction_hash)
        if found is None:
            raise RpcError(errors.SERVER_ERROR, "transaction not found")
        tracer = _tracer(options)
        outcome, gas_used = self._backend.engine.trace(found[0], found[1], tracer)
        return tracer.result(outcome, gas_used)

    @rpc("debug_traceBlockByNumber", Parameter("block", parameters.block_number_or_tag), _OPTIONS,
         heavy=True)  # fmt: skip
    @rpc("debug_traceBlockByHash", _BLOCK, _OPTIONS, heavy=True)
    def trace_block(self, block: BlockId, options: dict[str, object]) -> list[Json]:
        """Every transaction of a block."""
        header = self._backend.resolve(block)
        found = self._backend.block(header.hash)
        if found is None:
            raise errors.header_not_found()
        return [
            {
                "txHash": data(transaction.hash),
                "result": self.trace_transaction(transaction.hash, options),
            }
            for transaction in found.transactions
        ]

    @rpc("debug_traceCall", Parameter("transaction", parameters.transaction_arguments), _BLOCK,
         _OPTIONS, heavy=True)  # fmt: skip
    def trace_call(
        self, request: TransactionArguments, block: BlockId, options: dict[str, object]
    ) -> Json:
        """A call that is not mined."""
        tracer = _tracer(options)
        header = self._backend.resolve(block)
        outcome, gas_used = self._backend.calls.trace(request, header, tracer)
        return tracer.result(outcome, gas_used)
