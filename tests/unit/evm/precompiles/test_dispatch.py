"""What is common to all natives: selectors, value, static calls, malformed arguments, gas."""

from __future__ import annotations

import pytest
from natives import ANNA, DATANET_REGISTRY, OWNER, Natives, word

from chain.errors import StemmaError
from evm.precompiles import NATIVE_PRECOMPILES
from evm.precompiles.dispatch import MAX_CALLDATA_BYTES, NativePrecompile
from genesis.interfaces import INTERFACES

CREATE = ("notes", word("schema"), word("licence"), True)
interfaces = pytest.mark.parametrize("interface", INTERFACES.values(), ids=INTERFACES.keys())


def raw_call(interface, calldata, **options):
    return Natives().host.call(
        interface.address, caller=OWNER.address, calldata=calldata, **options
    )


def test_every_interface_has_its_native():
    assert set(NATIVE_PRECOMPILES) == {each.address for each in INTERFACES.values()}


@interfaces
@pytest.mark.parametrize("calldata", [b"", b"\x01", b"\xde\xad\xbe\xef" + bytes(64)])
def test_unknown_selector_reverts(interface, calldata):
    outcome = raw_call(interface, calldata)
    assert not outcome.succeeded
    selector = calldata[:4].hex()
    assert outcome.reason == f"{interface.name}: no function has selector 0x{selector}"


@interfaces
def test_plain_payment_reverts(interface):
    natives = Natives()
    outcome = natives.host.call(interface.address, caller=OWNER.address, value=5)
    assert not outcome.succeeded
    assert natives.host.balance(interface.address) == 0


@interfaces
def test_value_to_a_function_that_is_not_payable_reverts(interface):
    for function in interface.functions.values():
        outcome = raw_call(interface, function.selector, value=1)
        assert not outcome.succeeded
        if function.mutability != "payable":
            place = f"{interface.name}.{function.name}"
            assert outcome.reason == f"{place}: takes no value, 1 wei sent"


@interfaces
def test_a_function_that_writes_reverts_in_a_static_call(interface):
    for function in interface.functions.values():
        if function.mutability == "view":
            continue
        outcome = raw_call(interface, function.selector + bytes(1024), is_static=True)
        place = f"{interface.name}.{function.name}"
        assert outcome.reason == f"{place}: changes state, called in a static call"


@interfaces
def test_missing_arguments_revert_and_name_the_function(interface):
    for function in interface.functions.values():
        if not function.inputs:
            continue
        outcome = raw_call(interface, function.selector)
        assert not outcome.succeeded
        assert outcome.reason.startswith(f"{interface.name}.{function.name}: abi ")


@interfaces
def test_arguments_of_all_ones_revert_with_a_reason(interface):
    for function in interface.functions.values():
        if not function.inputs:
            continue
        outcome = raw_call(interface, function.selector + b"\xff" * 640)
        assert not outcome.succeeded or function.mutability == "view"
        assert outcome.succeeded or outcome.reason


def test_calldata_beyond_the_bound_reverts():
    selector = DATANET_REGISTRY.function("createDatanet").selector
    outcome = raw_call(DATANET_REGISTRY, selector + bytes(MAX_CALLDATA_BYTES))
    assert outcome.reason == (
        f"datanet_registry.createDatanet: {MAX_CALLDATA_BYTES + 4} bytes of calldata,"
        f" at most {MAX_CALLDATA_BYTES}"
    )
    assert outcome.gas_used < 1_000


def test_text_that_is_not_utf8_reverts():
    call = DATANET_REGISTRY.encode_call("createDatanet", "aa", *CREATE[1:])
    broken = call.replace(b"aa" + bytes(30), b"\xff\xfe" + bytes(30))
    outcome = raw_call(DATANET_REGISTRY, broken)
    assert outcome.reason.startswith("datanet_registry.createDatanet: abi string: not UTF-8")


def test_dirty_bits_above_an_address_revert():
    call = INTERFACES["worker_registry"].encode_call("getWorker", ANNA.address)
    outcome = raw_call(INTERFACES["worker_registry"], call[:4] + b"\x01" + call[5:])
    assert outcome.reason.startswith("worker_registry.getWorker: abi address")


def test_bytes_after_the_arguments_are_ignored_as_solidity_does():
    call = DATANET_REGISTRY.encode_call("createDatanet", *CREATE)
    assert raw_call(DATANET_REGISTRY, call + b"tag").succeeded


def test_each_amount_of_gas_below_the_price_is_out_of_gas_and_changes_nothing():
    natives = Natives()
    call = DATANET_REGISTRY.encode_call("createDatanet", *CREATE)
    price = raw_call(DATANET_REGISTRY, call).gas_used
    for gas in [0, 499, *range(500, price, 997), price - 1]:
        outcome = natives.host.call(
            DATANET_REGISTRY.address, caller=OWNER.address, calldata=call, gas=gas
        )
        assert (outcome.succeeded, outcome.gas_used, outcome.output) == (False, gas, b"")
        assert not any(natives.host.slots.values())
    assert natives.host.call(
        DATANET_REGISTRY.address, caller=OWNER.address, calldata=call, gas=price
    ).succeeded


def test_a_native_without_a_handler_is_refused_at_start():
    with pytest.raises(StemmaError, match="datanet_registry: declared and written"):
        NativePrecompile(DATANET_REGISTRY, {})
