"""The interfaces of the natives, against the committed ABI files and other codecs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_abi import encode as eth_abi_encode
from eth_utils import keccak
from eth_utils.abi import event_abi_to_log_topic, function_abi_to_4byte_selector

from chain.errors import DecodeError, EncodeError
from chain.receipt import Log
from genesis import addresses
from genesis.interfaces import (
    DATANET_REGISTRY,
    INFERENCE_ESCROW,
    INTERFACES,
    PROOF_OF_ATTRIBUTION,
    decode_event,
)
from genesis.solidity import DeclarationError, parse_declaration

ABI_DIRECTORY = Path(__file__).resolve().parents[3] / "genesis" / "abi"
ALICE = bytes(19) + b"\x0a"
interfaces = pytest.mark.parametrize("interface", INTERFACES.values(), ids=INTERFACES.keys())


def read_abi(interface):
    document = json.loads((ABI_DIRECTORY / f"{interface.name}.json").read_text())
    assert document["address"] == "0x" + interface.address.hex()
    return document["abi"]


@interfaces
def test_committed_abi_file_matches_the_interface(interface):
    assert read_abi(interface) == interface.abi_json(), "run scripts/write_abi.py"


def test_every_abi_file_has_an_interface():
    assert {path.stem for path in ABI_DIRECTORY.glob("*.json")} == set(INTERFACES)


@interfaces
def test_selectors_and_topics_agree_with_eth_utils(interface):
    for entry in read_abi(interface):
        if entry["type"] == "function":
            found = interface.functions[entry["name"]].selector
            assert found == function_abi_to_4byte_selector(entry)
        else:
            found = interface.events[entry["name"]].topic
            assert found == event_abi_to_log_topic(entry)


@interfaces
def test_no_two_functions_share_a_selector(interface):
    assert len(interface.functions_by_selector) == len(interface.functions)


def test_a_call_is_encoded_as_eth_abi_does():
    call = DATANET_REGISTRY.encode_call("createDatanet", "notes", b"\x01" * 32, b"\x02" * 32, True)
    signature = b"createDatanet(string,bytes32,bytes32,bool)"
    types = ["string", "bytes32", "bytes32", "bool"]
    values = ["notes", b"\x01" * 32, b"\x02" * 32, True]
    assert call == keccak(signature)[:4] + eth_abi_encode(types, values)


def test_a_tuple_argument_appears_in_the_signature():
    function = PROOF_OF_ATTRIBUTION.function("settle")
    assert function.signature == (
        "settle((bytes32,bytes32,bytes32,bytes32,uint64,uint64,bytes32,bytes32),bytes,"
        "address[],uint256[])"
    )


def test_a_call_decodes_to_names_and_values():
    call = INFERENCE_ESCROW.encode_call("requestIdOf", ALICE, 7)
    function, arguments = INFERENCE_ESCROW.decode_call(call)
    assert function.name == "requestIdOf"
    assert arguments == {"caller": ALICE, "nonce": 7}


def test_a_result_decodes_to_names_and_values():
    output = INFERENCE_ESCROW.encode_result("pricesOf", 3, 4)
    assert INFERENCE_ESCROW.decode_result("pricesOf", output) == {
        "inputPriceWei": 3,
        "outputPriceWei": 4,
    }


def test_an_event_decodes_in_the_order_of_its_declaration():
    arguments = (5, ALICE, b"\x01" * 32, b"\x02" * 32, False, "0x" + "ab" * 20)
    topics, data = DATANET_REGISTRY.encode_event("DatanetCreated", *arguments)
    event = decode_event(Log(addresses.DATANET_REGISTRY, topics, data))
    assert event is not None
    assert event.name == "DatanetCreated"
    assert tuple(event.arguments.values()) == arguments
    assert next(iter(event.arguments)) == "datanetId"


def test_an_event_of_another_contract_is_none():
    topics, data = DATANET_REGISTRY.encode_event("DatanetFrozen", 5)
    assert decode_event(Log(ALICE, topics, data)) is None
    assert decode_event(Log(addresses.DATANET_REGISTRY, (), b"")) is None
    assert decode_event(Log(addresses.DATANET_REGISTRY, (b"\x09" * 32,), b"")) is None
    assert DATANET_REGISTRY.decode_event(Log(addresses.WORKER_REGISTRY, topics, data)) is None


def test_an_event_with_a_topic_too_few_is_refused():
    topics, data = DATANET_REGISTRY.encode_event("DatanetFrozen", 5)
    with pytest.raises(DecodeError, match="1 topics, expected 2"):
        decode_event(Log(addresses.DATANET_REGISTRY, topics[:1], data))


def test_unknown_names_and_wrong_counts_are_refused():
    with pytest.raises(EncodeError, match="no function 'fly'"):
        DATANET_REGISTRY.encode_call("fly")
    with pytest.raises(EncodeError, match="no event 'Flown'"):
        DATANET_REGISTRY.event("Flown")
    with pytest.raises(EncodeError, match="0 arguments, expected 1"):
        DATANET_REGISTRY.encode_call("freeze")
    with pytest.raises(DecodeError, match="no function has selector 0x01020304"):
        DATANET_REGISTRY.decode_call(b"\x01\x02\x03\x04")


@pytest.mark.parametrize(
    "text",
    [
        "struct Point()",
        "function f(uint7 a)",
        "function f(uint256)",
        "function f(uint256 a) pure",
        "function f(uint256 a",
    ],
)
def test_a_declaration_that_is_not_understood_is_refused(text):
    with pytest.raises(DeclarationError):
        parse_declaration(text)


def test_native_addresses_spell_the_name_of_the_house():
    for address in addresses.NATIVE_PRECOMPILES.values():
        assert address[:6] == b"STEMMA"
        assert address[6:19] == bytes(13)
    assert [a[19] for a in addresses.NATIVE_PRECOMPILES.values()] == [1, 2, 3, 4, 5]


def test_platform_account_is_the_tenth_of_the_test_mnemonic():
    from eth_account import Account

    Account.enable_unaudited_hdwallet_features()
    mnemonic = "test test test test test test test test test test test junk"
    account = Account.from_mnemonic(mnemonic, account_path="m/44'/60'/0'/0/9")
    assert bytes.fromhex(account.address[2:]) == addresses.PLATFORM_ACCOUNT
