"""The Engine API: how a consensus client and an execution client speak (`engine_*`, JWT).

    payloads.py    blocks, attributes and fork choices as JSON, both ways; knows no chain
    execution.py   what the calls do to our own chain
    namespace.py   the methods, their versions and which fork each version is for
    jwt.py         who may call: HS256 tokens of a shared secret
    client.py      calls to another execution client
    remote.py      that client as the engine that the driver follows L1 with

Source: execution-apis src/engine; OP Stack specs, protocol/exec-engine.md, "Engine API".
"""
