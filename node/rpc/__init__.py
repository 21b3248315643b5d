"""JSON-RPC: from bytes on a socket to an answer, one file per step.

The way of a request:

1. `server.py`       HTTP POST or WebSocket message → bytes (body limit, Host allow-list, CORS)
2. `jsonrpc.py`      bytes → request objects (batches, ids, limits) → method → response bytes
3. `parameters.py`   JSON parameters → addresses, numbers, block identifiers, call requests
4. a namespace       `eth_blocks`, `eth_state`, `eth_filters`, `net`, `debug`, `dev`, …
5. `backend.py`      what a namespace may ask: engine, pool, heads, events
6. `serialise.py`    blocks, transactions, receipts, logs → JSON
7. `errors.py`       what went wrong → geth's code and geth's words

The same namespaces serve the L2 and the embedded L1: each gets its own `Backend`.
"""
