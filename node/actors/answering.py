"""What a node answers peers that ask for its chain: headers, blocks, outputs, state.

Reads only, each answer of a bounded size; nothing here means that it is not here. Knows neither
peers nor budgets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chain.block import Block, Header
from evm.engine import ExecutionEngine
from rollup.wire.output_root import output_of_header

from ..p2p.message import GetBlocks, GetHeaders, GetOutput, GetRanges, GetState, Request
from ..p2p.state_ranges import serve_ranges
from ..p2p.sync import ANSWER_BYTES, serve_state


def answer(engine: ExecutionEngine, request: Request) -> Sequence[bytes]:
    """The items of the answer; empty where there is nothing."""
    if isinstance(request, GetHeaders):
        return _range(request, lambda number: _encoded(engine.header_by_number(number)))
    if isinstance(request, GetBlocks):
        return _range(request, lambda number: _encoded(engine.block_by_number(number)))
    if isinstance(request, GetState):
        return serve_state(request.hashes, engine.store.node, engine.store.code)
    if isinstance(request, GetRanges):
        return serve_ranges(request.roots, request.start, engine.store.node)
    if isinstance(request, GetOutput):
        return _output(engine, request.number)
    return ()


def _output(engine: ExecutionEngine, number: int) -> Sequence[bytes]:
    header = engine.header_by_number(number)
    if header is None or header.withdrawals_root is None:
        return ()
    return output_of_header(header).encode(), header.encode()


def _range(request: GetHeaders | GetBlocks, read: Callable[[int], bytes | None]) -> list[bytes]:
    found: list[bytes] = []
    size = 0
    for number in range(request.start, request.start + request.count):
        item = read(number)
        if item is None or (found and size + len(item) > ANSWER_BYTES):
            break
        found.append(item)
        size += len(item)
    return found


def _encoded(value: Header | Block | None) -> bytes | None:
    return None if value is None else value.encode()
