"""Withdrawal hashes, messages and proofs against op-node's and the contracts' own data."""

from __future__ import annotations

import json

import pytest
from contract_bench import call_data
from merkle_trie_contract import MerkleTrieContract
from two_layers import TwoLayers
from vectors import vectors_root

from chain import rlp
from chain.abi import event_topic, selector
from chain.crypto.keccak import keccak256
from chain.receipt import Log
from chain.trie import ProofError, verify_proof
from chain.types import Address, Hash32
from genesis.addresses import L2_CROSS_DOMAIN_MESSENGER
from rollup.bridge.address_alias import apply_l1_to_l2_alias
from rollup.bridge.withdrawals import Withdrawal, decode_withdrawal

_OP_STACK = vectors_root() / "op_stack"
_RELAY_BEFORE_BEDROCK = "relayMessage(address,address,bytes,uint256)"
_RELAY = "relayMessage(uint256,address,address,uint256,uint256,bytes)"


def _load(path: str):
    return json.loads((_OP_STACK / path).read_text())


def _hex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _withdrawal(case) -> Withdrawal:
    return Withdrawal(
        nonce=int(case["nonce"]),
        sender=Address(_hex(case["sender"])),
        target=Address(_hex(case["target"])),
        value=int(case["value"]),
        gas_limit=int(case["gasLimit"]),
        data=_hex(case["data"]),
    )


@pytest.mark.parametrize("index", range(len(_load("withdrawals/withdrawal_hashes.json")["cases"])))
def test_hash_and_slot_of_a_withdrawal(index):
    case = _load("withdrawals/withdrawal_hashes.json")["cases"][index]
    withdrawal = _withdrawal(case)
    assert withdrawal.hash == _hex(case["expected_hash"])
    assert withdrawal.storage_slot == _hex(case["expected_storage_slot"])


def test_withdrawal_of_a_bridge_is_read_from_its_receipt():
    case = _load("withdrawals/bridge_withdrawal_expected.json")
    logs = [
        Log(
            Address(_hex(log["address"])),
            tuple(Hash32(_hex(topic)) for topic in log["topics"]),
            _hex(log["data"]),
        )
        for log in case["receipt"]["logs"]
    ]
    expected = case["expected"]
    found = decode_withdrawal(logs)
    assert found == _withdrawal({**expected, "nonce": int(expected["nonce"], 16)})
    assert found.hash == _hex(expected["withdrawalHash"])


def _message(kind: str, version: int):
    cases = _load("withdrawals/cross_domain_messages.json")[kind]
    (case,) = (case for case in cases if case["version"] == version)
    return case


def _relay(case) -> bytes:
    """The call that relays a message: with a value and gas since version 1."""
    sender, target, data = _hex(case["sender"]), _hex(case["target"]), _hex(case["data"])
    nonce = (case["version"] << 240) | case["nonce"]
    if case["version"] == 0:
        return call_data(_RELAY_BEFORE_BEDROCK, target, sender, data, nonce)
    return call_data(_RELAY, nonce, sender, target, case["value"], case["gasLimit"], data)


@pytest.mark.parametrize("version", [0, 1])
def test_a_message_is_encoded_as_the_call_that_relays_it(version):
    case = _message("encode", version)
    assert _relay(case) == _hex(case["expected"])


def test_a_message_of_before_bedrock_has_the_hash_of_its_call():
    case = _message("hash", 0)
    assert keccak256(_relay(case)) == _hex(case["expected"])


def test_the_messenger_refuses_a_message_of_before_bedrock_by_name():
    case = _message("hash", 0)
    layers = TwoLayers()
    sender = apply_l1_to_l2_alias(layers.at.l1_cross_domain_messenger)
    relay = _relay({**case, "version": 1})[4:]
    call = selector(_RELAY) + bytes(32) + relay[32:]
    refused = layers.l2.send(L2_CROSS_DOMAIN_MESSENGER, call, sender=sender)
    assert "version" in refused.reason


def test_the_messenger_gives_a_message_its_hash():
    case = _message("hash", 1)
    layers = TwoLayers()
    sender = apply_l1_to_l2_alias(layers.at.l1_cross_domain_messenger)
    (log,) = layers.l2.send(L2_CROSS_DOMAIN_MESSENGER, _relay(case), sender=sender).logs
    assert log.topics == (event_topic("RelayedMessage(bytes32)"), _hex(case["expected"]))


def _proofs():
    """(root, key, proof, value) of every proof in an eth_getProof answer of L1."""
    for case in _load("proofs/account_storage_proofs.json")["cases"]:
        proof = case["proof"]
        nodes = [_hex(node) for node in proof["accountProof"]]
        account = [
            rlp.encode_int(int(proof["nonce"], 16)),
            rlp.encode_int(int(proof["balance"], 16)),
            _hex(proof["storageHash"]),
            _hex(proof["codeHash"]),
        ]
        key = keccak256(_hex(proof["address"]))
        yield case["name"], case["valid"], keccak256(nodes[0]), key, nodes, rlp.encode(account)
        for slot in proof["storageProof"]:
            yield (
                f"{case['name']}-slot",
                case["valid"],
                _hex(proof["storageHash"]),
                keccak256(int(slot["key"], 16).to_bytes(32, "big")),
                [_hex(node) for node in slot["proof"]],
                rlp.encode(rlp.encode_int(int(slot["value"], 16))),
            )


@pytest.mark.parametrize("case", list(_proofs()), ids=lambda case: case[0])
def test_trie_and_contract_read_the_proofs_of_l1(case):
    _, valid, root, key, proof, value = case
    contract = MerkleTrieContract()
    if valid:
        assert verify_proof(root, key, proof) == value
        assert contract.read(root, key, proof) == value
        return
    try:
        found = verify_proof(root, key, proof)
    except ProofError:
        found = None
    outcome = contract.call(root, key, proof)
    assert (found == value) == outcome.succeeded
