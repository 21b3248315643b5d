"""debug_: what happened inside a transaction, told by running it again, and what a block reads."""

from __future__ import annotations

from chain.block import Block, Header, decode_block
from chain.types import Hash32
from evm.errors import UnknownBlock
from evm.replay import BlockReplay
from evm.tracing import Allowance
from evm.witness import block_witness

from . import errors, parameters
from .backend import Backend
from .errors import RpcError
from .hexadecimal import data
from .jsonrpc import Parameter, rpc
from .parameters import LATEST, BlockId, TransactionArguments
from .serialise import Json
from .tracers import TraceOptions, TraceSubject, trace_options

_OPTIONS = Parameter("options", trace_options, TraceOptions())
_BLOCK = Parameter("block", parameters.block_id, LATEST)
_REQUIRED_BLOCK = Parameter("block", parameters.block_id)


class DebugNamespace:
    """Traces of transactions, blocks and calls, and witnesses of blocks."""

    def __init__(self, backend: Backend) -> None:
        """The engine runs blocks again on the state before them."""
        self._backend = backend

    @rpc("debug_traceTransaction", Parameter("hash", parameters.hash32), _OPTIONS, heavy=True)
    def trace_transaction(self, transaction_hash: Hash32, options: TraceOptions) -> Json:
        """One mined transaction."""
        found = self._backend.locate(transaction_hash)
        block = None if found is None else self._backend.block(found[0])
        if found is None or block is None:
            raise RpcError(errors.SERVER_ERROR, "transaction not found")
        replay = self._replay(block)
        replay.skip_to(found[1])
        return _next(replay, options, Allowance())

    @rpc("debug_traceBlockByNumber", Parameter("block", parameters.block_number_or_tag), _OPTIONS,
         heavy=True)  # fmt: skip
    @rpc("debug_traceBlockByHash", _BLOCK, _OPTIONS, heavy=True)
    def trace_block(self, block: BlockId, options: TraceOptions) -> list[Json]:
        """Every transaction of a block, which runs once for all of them."""
        return self._trace_all(self._block(self._backend.resolve(block)), options)

    @rpc("debug_traceBlock", Parameter("block", parameters.hex_bytes), _OPTIONS, heavy=True)
    def trace_raw_block(self, raw: bytes, options: TraceOptions) -> list[Json]:
        """Every transaction of a block given as RLP, whose parent is known here."""
        return self._trace_all(decode_block(raw), options)

    def _trace_all(self, block: Block, options: TraceOptions) -> list[Json]:
        replay, allowance = self._replay(block), Allowance()
        return [
            {"txHash": data(transaction.hash), "result": _next(replay, options, allowance)}
            for transaction in block.transactions
        ]

    @rpc("debug_traceCall", Parameter("transaction", parameters.transaction_arguments), _BLOCK,
         _OPTIONS, heavy=True)  # fmt: skip
    def trace_call(
        self, request: TransactionArguments, block: BlockId, options: TraceOptions
    ) -> Json:
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
        tracer = options.tracer(TraceSubject(state, header.beneficiary), Allowance())
        outcome, gas_used = self._backend.calls.trace_on(
            request, header, state, tracer, options.account_overrides, options.block_override
        )
        return tracer.result(outcome, gas_used)

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
