"""Whatever the parameters, a method answers with a result or a named error, and soon."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rpc_chain import RpcChain

WORDS = st.sampled_from(
    [
        "latest", "pending", "earliest", "safe", "finalized", "0x", "0x0", "0x00", "0x1", "0xg",
        "0x" + "11" * 20, "0x" + "22" * 32, "0x" + "ff" * 33, "-1", "", "0x" + "f" * 64,
    ]
)  # fmt: skip
KEYS = st.sampled_from(
    [
        "from", "to", "gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "value", "nonce",
        "data", "input", "accessList", "authorizationList", "type", "fromBlock", "toBlock",
        "blockHash", "address", "topics", "balance", "code", "state", "stateDiff", "tracer",
        "time", "number", "gasLimit", "storageKeys",
    ]
)  # fmt: skip
SCALARS = st.one_of(
    WORDS, st.none(), st.booleans(), st.integers(-5, 2**70), st.floats(allow_nan=False), st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(KEYS, WORDS), inner, max_size=4)
    ),
    max_leaves=8,
)


@cache
def chain() -> RpcChain:
    made = RpcChain()
    made.mine()
    return made


@pytest.mark.parametrize("method", RpcChain().dispatcher.method_names)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(params=st.lists(VALUES, max_size=4))
def test_any_parameters_give_a_result_or_a_named_error(method: str, params: list[object]) -> None:
    before = chain().engine.heads
    answer = chain().raw(method, *params)
    if "error" in answer:
        assert answer["error"]["code"] != -32603, answer
        assert len(answer["error"]["message"]) < 400
    assert chain().engine.heads == before
