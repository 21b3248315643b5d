"""Prometheus metrics of one process, all under `stemma_`. No address, prompt or peer in a label."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from chain.storage import ChainStore

_FAST_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Every metric in one place, on a registry of its own."""

    def __init__(self) -> None:
        """Make the registry; nothing is shared between two instances."""
        registry = self.registry = CollectorRegistry()
        self.head_number = Gauge(
            "stemma_head_number", "Block number by head", ["chain", "kind"], registry=registry
        )
        self.head_age_seconds = Gauge(
            "stemma_head_age_seconds", "Age of the unsafe head", registry=registry
        )
        self.l1_lag_blocks = Gauge(
            "stemma_l1_lag_blocks", "L1 blocks not yet derived from", registry=registry
        )
        self.derivation_resets = Counter(
            "stemma_derivation_resets", "Times that derivation started anew", registry=registry
        )
        self.block_build_seconds = Histogram(
            "stemma_block_build_seconds",
            "Time to build, seal and commit a block",
            ["chain"],
            buckets=_FAST_SECONDS,
            registry=registry,
        )
        self.gas_used = Counter(
            "stemma_gas_used", "Gas used by sealed blocks", ["chain"], registry=registry
        )
        self.pool_transactions = Gauge(
            "stemma_txpool_size", "Transactions in the pool", ["state"], registry=registry
        )
        self.rpc_requests = Counter(
            "stemma_rpc_requests", "JSON-RPC calls", ["method", "code"], registry=registry
        )
        # The library formats and locks at each look-up of a label; there are few pairs.
        self._rpc_counters: dict[tuple[str, int], Counter] = {}
        self.rpc_seconds = Histogram(
            "stemma_rpc_seconds", "JSON-RPC call time", buckets=_FAST_SECONDS, registry=registry
        )
        self.ws_clients = Gauge("stemma_ws_clients", "Open WebSockets", registry=registry)
        self.batches_posted = Counter(
            "stemma_batches_posted", "Batcher transactions mined on L1", registry=registry
        )
        self.state_first_block = Gauge(
            "stemma_state_first_block",
            "Lowest block whose state is kept",
            ["chain"],
            registry=registry,
        )
        self.pruned_records = Gauge(
            "stemma_pruned_records",
            "Trie nodes and codes deleted since the start",
            ["chain"],
            registry=registry,
        )
        self.store_cache_bytes = Gauge(
            "stemma_store_cache_bytes",
            "What the store's caches hold; headers are counted",
            ["chain", "kind"],
            registry=registry,
        )
        self.outputs_proposed = Counter(
            "stemma_outputs_proposed", "Dispute games created on L1", registry=registry
        )
        self.dispute_calls = Counter(
            "stemma_dispute_calls", "Calls to dispute games on L1", ["call"], registry=registry
        )
        self.disk_free_bytes = Gauge(
            "stemma_disk_free_bytes", "Free space of the data directory", registry=registry
        )

    def observe_store(self, chain: str, store: ChainStore) -> None:
        """Look at what a store keeps and what it holds in memory."""
        self.state_first_block.labels(chain).set(store.first_state)
        self.pruned_records.labels(chain).set(store.pruned_records)
        for kind, weight in store.cache_weights().items():
            self.store_cache_bytes.labels(chain, kind).set(weight)

    def observe_rpc(self, method: str, code: int, seconds: float) -> None:
        """Count one JSON-RPC call."""
        counter = self._rpc_counters.get((method, code))
        if counter is None:
            counter = self.rpc_requests.labels(method, str(code))
            self._rpc_counters[method, code] = counter
        counter.inc()
        self.rpc_seconds.observe(seconds)

    def render(self) -> bytes:
        """The text form that Prometheus reads."""
        return generate_latest(self.registry)
