"""eth_getLogs, polled filters and subscriptions: three ways to the same logs.

A polled filter and a subscription are both fed by the event hub; logs of blocks that a reorg
dropped come again with `removed: true`. A filter nobody polls for five minutes is forgotten.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from chain.receipt import Log, bloom_contains
from chain.transaction import Transaction
from chain.types import Address, Hash32

from . import errors, parameters
from .backend import Backend
from .errors import RpcError
from .events import HeadChange
from .hexadecimal import data
from .jsonrpc import Connection, Parameter, RequestContext, rpc
from .parameters import LATEST, LogFilter
from .serialise import Json, header_json, logs_of, transaction_json

_FILTER_LIFE_S = 300.0
_FILTER_ITEMS = 20_000
_FILTERS = 1_000
_SUBSCRIPTIONS_PER_CONNECTION = 1_000

_Sink = Callable[[object], None]


def matches(log: Log, wanted: LogFilter) -> bool:
    """Whether a log passes the address and topic conditions."""
    if wanted.addresses and log.address not in wanted.addresses:
        return False
    if len(wanted.topics) > len(log.topics):
        return False
    return all(
        choice is None or topic in choice
        for choice, topic in zip(wanted.topics, log.topics, strict=False)
    )


def bloom_may_match(bloom: bytes, wanted: LogFilter) -> bool:
    """Whether a block's bloom leaves room for a match; no means certainly none."""
    if wanted.addresses and not any(bloom_contains(bloom, item) for item in wanted.addresses):
        return False
    return all(
        choice is None or any(bloom_contains(bloom, topic) for topic in choice)
        for choice in wanted.topics
    )


@dataclass(slots=True)
class _Filter:
    """A polled filter: what it wants and what came since the last poll."""

    kind: str
    wanted: LogFilter | None
    polled_at: float
    items: list[object] = field(default_factory=list)
    lost: bool = False

    def put(self, item: object) -> None:
        if len(self.items) >= _FILTER_ITEMS:
            self.lost = True
            return
        self.items.append(item)


class FilterNamespace:
    """eth_getLogs, eth_new*Filter, eth_getFilter*, eth_subscribe, eth_unsubscribe."""

    def __init__(self, backend: Backend, clock: Callable[[], float] = time.monotonic) -> None:
        """Listen to the backend's event hub."""
        self._backend = backend
        self._clock = clock
        self._filters: dict[str, _Filter] = {}
        self._subscriptions: dict[Connection, dict[str, tuple[str, LogFilter | None, bool]]] = {}
        backend.events.on_head.append(self._head_changed)
        backend.events.on_pending.append(self._transaction_arrived)

    @rpc("eth_getLogs", Parameter("filter", parameters.log_filter), heavy=True)
    def get_logs(self, wanted: LogFilter) -> list[Json]:
        """Logs of a range of canonical blocks, or of one block by hash."""
        return list(self._search(wanted))

    def _search(self, wanted: LogFilter) -> Iterator[Json]:
        limits = self._backend.limits
        found = 0
        for block_hash in self._candidate_blocks(wanted):
            for log_json in self._logs_in(block_hash, wanted):
                found += 1
                if found > limits.log_results:
                    raise errors.limit_exceeded(
                        f"query returned more than {limits.log_results} results"
                    )
                yield log_json

    def _candidate_blocks(self, wanted: LogFilter) -> Iterator[Hash32]:
        backend = self._backend
        if wanted.block_hash is not None:
            header = backend.header_by_hash(wanted.block_hash)
            if header is None:
                raise RpcError(errors.SERVER_ERROR, "unknown block")
            if bloom_may_match(header.logs_bloom, wanted):
                yield header.hash
            return
        first = backend.resolve_number(wanted.from_block or LATEST)
        last = backend.resolve_number(wanted.to_block or LATEST)
        if first > last:
            raise RpcError(errors.INVALID_PARAMS, "invalid block range params")
        if last > backend.head().number:
            raise RpcError(errors.INVALID_PARAMS, "block range extends beyond current head block")
        limit = backend.limits.log_blocks
        if last - first >= limit:
            raise errors.limit_exceeded(
                f"query spans {last - first + 1} blocks: limit {limit} blocks"
            )
        if max(first, 1) <= min(last, backend.begins_at):
            raise errors.not_executed(max(first, 1), backend.begins_at)
        for number in range(first, last + 1):
            header = backend.header_by_number(number)
            if header is not None and bloom_may_match(header.logs_bloom, wanted):
                yield header.hash

    def _logs_in(
        self, block_hash: Hash32, wanted: LogFilter, *, removed: bool = False
    ) -> list[Json]:
        found = self._backend.block_with_receipts(block_hash)
        if found is None:
            return []
        block, receipts = found
        return [
            body for log, body in logs_of(block, receipts, removed=removed) if matches(log, wanted)
        ]

    # Polled filters

    def _install(self, kind: str, wanted: LogFilter | None = None) -> str:
        now = self._clock()
        stale = [
            key for key, item in self._filters.items() if now - item.polled_at > _FILTER_LIFE_S
        ]
        for key in stale:
            del self._filters[key]
        if len(self._filters) >= _FILTERS:
            raise errors.limit_exceeded(f"too many filters: limit {_FILTERS}")
        name = "0x" + secrets.token_hex(16)
        self._filters[name] = _Filter(kind, wanted, now)
        return name

    @rpc("eth_newFilter", Parameter("filter", parameters.log_filter))
    def new_filter(self, wanted: LogFilter) -> str:
        """Install a filter for logs that come from now on."""
        first = wanted.from_block.number if wanted.from_block is not None else None
        last = wanted.to_block.number if wanted.to_block is not None else None
        if first is not None and last is not None and first > last:
            raise RpcError(errors.INVALID_PARAMS, "invalid block range params")
        return self._install("logs", wanted)

    @rpc("eth_newBlockFilter")
    def new_block_filter(self) -> str:
        """Install a filter for new block hashes."""
        return self._install("blocks")

    @rpc("eth_newPendingTransactionFilter")
    def new_pending_transaction_filter(self) -> str:
        """Install a filter for hashes of transactions that enter the pool."""
        return self._install("pending")

    @rpc("eth_uninstallFilter", Parameter("id", parameters.text))
    def uninstall_filter(self, name: str) -> bool:
        """Forget a filter; false when it was not there."""
        return self._filters.pop(name, None) is not None

    def _filter(self, name: str) -> _Filter:
        found = self._filters.get(name)
        if found is None:
            raise RpcError(errors.SERVER_ERROR, "filter not found")
        found.polled_at = self._clock()
        return found

    @rpc("eth_getFilterChanges", Parameter("id", parameters.text))
    def get_filter_changes(self, name: str) -> list[object]:
        """What came since the last poll."""
        found = self._filter(name)
        items, found.items = found.items, []
        if found.lost:
            found.lost = False
            raise errors.limit_exceeded(
                f"filter overflowed: more than {_FILTER_ITEMS} items between two polls"
            )
        return items

    @rpc("eth_getFilterLogs", Parameter("id", parameters.text), heavy=True)
    def get_filter_logs(self, name: str) -> list[Json]:
        """All logs of a filter's whole range."""
        found = self._filter(name)
        if found.wanted is None:
            raise RpcError(errors.SERVER_ERROR, "filter not found")
        return self.get_logs(found.wanted)

    # Subscriptions

    @rpc(
        "eth_subscribe",
        Parameter("kind", parameters.text),
        Parameter("options", lambda value: value, None),
        context=True,
    )
    def subscribe(self, context: RequestContext, kind: str, options: object) -> str:
        """Send news over this WebSocket: newHeads, logs, newPendingTransactions or syncing."""
        connection = context.connection
        if connection is None:
            raise RpcError(errors.METHOD_NOT_FOUND, "notifications not supported")
        if kind not in ("newHeads", "logs", "newPendingTransactions", "syncing"):
            raise RpcError(errors.METHOD_NOT_FOUND, f'no "{kind}" subscription in eth namespace')
        wanted = parameters.log_filter(options or {}) if kind == "logs" else None
        mine = self._subscriptions.setdefault(connection, {})
        if len(mine) >= _SUBSCRIPTIONS_PER_CONNECTION:
            limit = _SUBSCRIPTIONS_PER_CONNECTION
            raise errors.limit_exceeded(f"too many subscriptions: limit {limit} per connection")
        name = "0x" + secrets.token_hex(16)
        context.after.append(partial(self._activate, connection, name, kind, wanted, options))
        return name

    def _activate(
        self,
        connection: Connection,
        name: str,
        kind: str,
        wanted: LogFilter | None,
        options: object,
    ) -> None:
        """Start sending, after the client has its subscription id; old logs first if it asked."""
        full = kind == "newPendingTransactions" and options is True
        self._subscriptions.setdefault(connection, {})[name] = (kind, wanted, full)
        on_close = getattr(connection, "on_close", None)
        if on_close is not None and len(self._subscriptions[connection]) == 1:
            on_close.append(partial(self._subscriptions.pop, connection, None))
        if kind == "syncing":
            _notify(connection, name, False)
        if wanted is not None and wanted.from_block is not None:
            for log_json in self._search(wanted):
                _notify(connection, name, log_json)

    @rpc("eth_unsubscribe", Parameter("id", parameters.text), context=True)
    def unsubscribe(self, context: RequestContext, name: str) -> bool:
        """End a subscription of this connection."""
        if context.connection is None:
            raise RpcError(errors.METHOD_NOT_FOUND, "notifications not supported")
        mine = self._subscriptions.get(context.connection, {})
        if mine.pop(name, None) is None:
            raise RpcError(errors.SERVER_ERROR, "subscription not found")
        return True

    # News from the hub

    def _filters_of(self, kind: str) -> Iterator[_Filter]:
        return (item for item in list(self._filters.values()) if item.kind == kind)

    def _subscribers(self, kind: str) -> Iterator[tuple[_Sink, LogFilter | None, bool]]:
        for connection, mine in list(self._subscriptions.items()):
            for name, (subscribed, wanted, full) in list(mine.items()):
                if subscribed == kind:
                    yield partial(_notify, connection, name), wanted, full

    def _head_changed(self, change: HeadChange) -> None:
        for header in change.added:
            for polled in self._filters_of("blocks"):
                polled.put(data(header.hash))
            for send, _, _ in self._subscribers("newHeads"):
                send(header_json(header))
        sinks: list[tuple[_Sink, LogFilter]] = [
            (item.put, item.wanted) for item in self._filters_of("logs") if item.wanted is not None
        ]
        sinks += [(send, want) for send, want, _ in self._subscribers("logs") if want is not None]
        if not sinks:
            return
        for header in change.dropped:
            self._send_logs(header.hash, header.logs_bloom, sinks, removed=True)
        for header in change.added:
            self._send_logs(header.hash, header.logs_bloom, sinks, removed=False)

    def _send_logs(
        self,
        block_hash: Hash32,
        bloom: bytes,
        sinks: list[tuple[_Sink, LogFilter]],
        *,
        removed: bool,
    ) -> None:
        for sink, wanted in sinks:
            if bloom_may_match(bloom, wanted):
                for body in self._logs_in(block_hash, wanted, removed=removed):
                    sink(body)

    def _transaction_arrived(self, transaction: Transaction, sender: Address) -> None:
        for polled in self._filters_of("pending"):
            polled.put(data(transaction.hash))
        for send, _, full in self._subscribers("newPendingTransactions"):
            send(transaction_json(transaction, sender, None) if full else data(transaction.hash))


def _notify(connection: Connection, subscription: str, result: object) -> None:
    message: Mapping[str, object] = {
        "jsonrpc": "2.0",
        "method": "eth_subscription",
        "params": {"subscription": subscription, "result": result},
    }
    connection.notify(message)
