"""Whatever the calldata and the gas: a native returns, reverts with a reason or runs out of gas."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from natives import ANNA, CALLER, DATANET_REGISTRY, Natives, ascending_shares

from genesis.interfaces import INTERFACES

selectors = st.sampled_from(
    [
        (interface, function.selector)
        for interface in INTERFACES.values()
        for function in interface.functions.values()
    ]
)
words = st.one_of(
    st.integers(0, 5),
    st.sampled_from([32 * n for n in range(12)]),
    st.integers(0, 2**256 - 1),
).map(lambda number: number.to_bytes(32, "big"))
bodies = st.one_of(st.binary(max_size=600), st.lists(words, max_size=24).map(b"".join))


def ready_market():
    natives = Natives()
    natives.register_adapter()
    return natives


def check_outcome(natives, interface, calldata, gas, value=0):
    before = dict(natives.host.slots), dict(natives.host.balances)
    outcome = natives.host.call(
        interface.address, caller=ANNA.address, calldata=calldata, gas=gas, value=value
    )
    assert 0 <= outcome.gas_used <= gas
    if outcome.succeeded:
        return
    assert outcome.logs == ()
    assert (natives.host.slots, natives.host.balances) == before
    assert outcome.reason or outcome.gas_used == gas


@given(selectors, bodies, st.sampled_from([0, 1, 10**18]))
def test_any_calldata_has_an_orderly_end(target, body, value):
    interface, selector = target
    check_outcome(ready_market(), interface, selector + body, 30_000_000, value)


@given(st.data())
def test_a_settlement_with_altered_bytes_has_an_orderly_end(data):
    natives = ready_market()
    shares = ascending_shares(600_000, 400_000)
    statement = natives.inference_statement(natives.open_request(by=CALLER), shares)
    interface = INTERFACES["proof_of_attribution"]
    call = interface.encode_call("settle", *natives.settle_arguments(statement, shares))
    altered = bytearray(call)
    # The last byte of a signature may be 27 or 0 for the same parity: leave it alone.
    parity = call.index(natives.sign(statement)) + 64
    positions = st.integers(4, len(call) - 1).filter(lambda position: position != parity)
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(positions)
        altered[position] = data.draw(st.integers(0, 255))
    outcome = natives.host.call(
        interface.address, caller=ANNA.address, calldata=bytes(altered), gas=30_000_000
    )
    assert outcome.succeeded == (bytes(altered) == call), "an altered settlement went through"


@given(st.integers(0, 130_000))
def test_any_gas_has_an_orderly_end(gas):
    call = DATANET_REGISTRY.encode_call("createDatanet", "notes", bytes(32), bytes(32), True)
    check_outcome(Natives(), DATANET_REGISTRY, call, gas)
