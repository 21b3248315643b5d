"""debug_: what happened inside a transaction, told by running it again, and what a block reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chain.block import Block, Header, decode_block
from chain.types import Hash32
from evm.environment import Outcome
from evm.errors import UnknownBlock
from evm.replay import BlockReplay
from evm.tracing import Allowance, Tracer
from evm.witness import block_witness

from . import errors, parameters
from .backend import Backend
from .errors import RpcError
from .hexadecimal import data
from .jsonrpc import Parameter, RequestContext, encode, rpc
from .parameters import LATEST, BlockId, TransactionArguments
from .serialise import Json
from .streaming import Streamed, Write
from .tracers import TraceOptions, TraceSubject, trace_options

_OPTIONS = Parameter("options", trace_options, TraceOptions())
_BLOCK = Parameter("block", parameters.block_id, LATEST)
_REQUIRED_BLOCK = Parameter("block", parameters.block_id)


class DebugNamespace:
    """Traces of transactions, blocks and calls, and witnesses of blocks."""

    def __init__(self, backend: Backend) -> None:
        """The engine runs blocks again on the state before them."""
        self._backend = backend

    @rpc("debug_traceTransaction", Parameter("hash", parameters.hash32), _OPTIONS, heavy=True,
         context=True)  # fmt: skip
    def trace_transaction(
        self, context: RequestContext, transaction_hash: Hash32, options: TraceOptions
    ) -> Json | Streamed:
        """One mined transaction."""
        found = self._backend.locate(transaction_hash)
        block = None if found is None else self._backend.block(found[0])
        if found is None or block is None:
            raise RpcError(errors.SERVER_ERROR, "transaction not found")
        replay = self._replay(block)
        replay.skip_to(found[1])
        if _is_streamed(context, options):
            return Streamed(lambda write: _write_next(write, replay, options))
        return _next(replay, options, Allowance())

    @rpc("debug_traceBlockByNumber", Parameter("block", parameters.block_number_or_tag), _OPTIONS,
         heavy=True, context=True)  # fmt: skip
    @rpc("debug_traceBlockByHash", _BLOCK, _OPTIONS, heavy=True, context=True)
    def trace_block(
        self, context: RequestContext, block: BlockId, options: TraceOptions
    ) -> list[Json] | Streamed:
        """Every transaction of a block, which runs once for all of them."""
        return self._trace_all(context, self._block(self._backend.resolve(block)), options)

    @rpc("debug_traceBlock", Parameter("block", parameters.hex_bytes), _OPTIONS, heavy=True,
         context=True)  # fmt: skip
    def trace_raw_block(
        self, context: RequestContext, raw: bytes, options: TraceOptions
    ) -> list[Json] | Streamed:
        """Every transaction of a block given as RLP, whose parent is known here."""
        return self._trace_all(context, decode_block(raw), options)

    def _trace_all(
        self, context: RequestContext, block: Block, options: TraceOptions
    ) -> list[Json] | Streamed:
        replay, allowance = self._replay(block), Allowance()
        if _is_streamed(context, options):
            return Streamed(lambda write: _write_all(write, replay, options))
        return [
            {"txHash": data(transaction.hash), "result": _next(replay, options, allowance)}
            for transaction in block.transactions
        ]

    @rpc("debug_traceCall", Parameter("transaction", parameters.transaction_arguments), _BLOCK,
         _OPTIONS, heavy=True, context=True)  # fmt: skip
    def trace_call(
        self,
        context: RequestContext,
        request: TransactionArguments,
        block: BlockId,
        options: TraceOptions,
    ) -> Json | Streamed:
        """A call that is not mined, at the end of a block or before one of its transactions."""
        header = self._backend.resolve(block)
        if options.index is None:
            state = self._backend.engine.watched_state_at(header)
        else:
            found = self._block(header)
            replay = self._replay(found)
            if options.index >= len(found.transactions):
                raise RpcError(
                    errors.SERVER_ERROR,
                    f"txIndex {options.index}: block {header.number} has "
                    f"{len(found.transactions)} transactions",
                )
            replay.skip_to(options.index)
            state = replay.state

        def run(tracer: Tracer) -> tuple[Outcome, int]:
            return self._backend.calls.trace_on(
                request, header, state, tracer, options.account_overrides, options.block_override
            )

        if _is_streamed(context, options):
            return Streamed(lambda write: _write_trace(write, options, run))
        tracer = options.tracer(TraceSubject(state, header.beneficiary), Allowance())
        return tracer.result(*run(tracer))

    @rpc("debug_executionWitness", _REQUIRED_BLOCK, heavy=True)
    def execution_witness(self, block: BlockId) -> Json:
        """What a block reads: trie nodes, codes, ancestors' headers and the keys looked at."""
        witness = block_witness(self._backend.engine, self._backend.resolve(block).hash)
        return {
            "state": [data(node) for node in witness.nodes],
            "codes": [data(code) for code in witness.codes],
            "keys": [data(key) for key in witness.keys],
            "headers": [data(header.encode()) for header in witness.headers],
        }

    def _block(self, header: Header) -> Block:
        found = self._backend.block(header.hash)
        if found is None:
            raise errors.header_not_found()
        return found

    def _replay(self, block: Block) -> BlockReplay:
        """Raises RpcError with the reason where the block cannot be run again."""
        if block.number == 0:
            raise RpcError(errors.SERVER_ERROR, "genesis is not traceable")
        try:
            return self._backend.engine.replay(block)
        except UnknownBlock as error:
            raise RpcError(
                errors.SERVER_ERROR, f"block {block.number} cannot be run again: {error}"
            ) from error


def _next(replay: BlockReplay, options: TraceOptions, allowance: Allowance) -> Json:
    """Trace the transaction that comes next."""
    subject = TraceSubject(replay.state, replay.block.header.beneficiary, replay.log_count)
    tracer = options.tracer(subject, allowance)
    applied = replay.advance(tracer)
    return tracer.result(applied.outcome, applied.gas_used)


def _is_streamed(context: RequestContext, options: TraceOptions) -> bool:
    """Steps are many and need no end to be told; other traces are short or trees."""
    return context.sink is not None and options.has_steps


def _write_trace(
    write: Write, options: TraceOptions, run: Callable[[Tracer], tuple[Outcome, int]]
) -> None:
    """Write a trace step by step while it runs."""
    separator = ""

    def emit(log: dict[str, Any]) -> None:
        nonlocal separator
        write(separator + encode(log).decode())
        separator = ","

    logger = options.struct_logger(Allowance(), emit)
    write('{"structLogs":[')
    end = logger.result(*run(logger))
    del end["structLogs"]
    write("]," + encode(end).decode()[1:])


def _write_next(write: Write, replay: BlockReplay, options: TraceOptions) -> None:
    """Write the trace of the transaction that comes next."""

    def run(tracer: Tracer) -> tuple[Outcome, int]:
        applied = replay.advance(tracer)
        return applied.outcome, applied.gas_used

    _write_trace(write, options, run)


def _write_all(write: Write, replay: BlockReplay, options: TraceOptions) -> None:
    """Write the traces of all transactions of a block."""
    write("[")
    for index, transaction in enumerate(replay.block.transactions):
        comma = "," if index else ""
        write(f'{comma}{{"txHash":"{data(transaction.hash)}","result":')
        _write_next(write, replay, options)
        write("}")
    write("]")
