"""Keys, signatures and the ABI against vectors of BIP-32, BIP-39, ethers and ethereum/tests."""

from __future__ import annotations

import gzip
import json
import re

import pytest
from vectors import vectors_root

from chain import abi
from chain.crypto.hd import derive_key_from_seed, seed_of
from chain.crypto.secp256k1 import address_of, public_key_of
from chain.transaction import decode_transaction, recover_sender, sign_transaction
from chain.types import checksum_address

_CRYPTO = vectors_root() / "crypto"


def _json(path):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt") as file:
        return json.load(file)


def _hex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


@pytest.mark.parametrize("case", _json(_CRYPTO / "bip32" / "index.json")["valid"])
def test_bip32_derivation(case):
    if "seed" not in case["master"]:
        pytest.skip("starts from an extended key, which we do not read")
    seed = _hex(case["master"]["seed"])
    for child in case["children"]:
        if "privKey" not in child:
            continue
        key = derive_key_from_seed(seed, child["path"])
        assert key == _hex(child["privKey"])
        assert public_key_of(key, compressed=True) == _hex(child["pubKey"])


def test_bip39_seeds():
    for _, words, seed, _ in _json(_CRYPTO / "bip39" / "vectors.json")["english"]:
        assert seed_of(words, "TREZOR") == _hex(seed)


def test_addresses_of_private_keys():
    cases = [c for c in _json(_CRYPTO / "ethers" / "accounts.json.gz") if c.get("privateKey")]
    assert cases
    for case in cases:
        address = address_of(_hex(case["privateKey"]))
        assert checksum_address(address) == case["address"], case["name"]


@pytest.mark.parametrize("form", ["Legacy", "Eip155", "Berlin", "London", "Cancun"])
def test_signed_transactions_of_ethers(form):
    count = 0
    for case in _json(_CRYPTO / "ethers" / "transactions.json.gz"):
        raw = _hex(case.get(f"signed{form}") or "")
        to = case["transaction"].get("to")
        if not raw or (form == "Cancun" and not to):  # ethers writes blobs without recipient
            continue
        tx = decode_transaction(raw)
        key = _hex(case["privateKey"])
        assert tx.encode() == raw
        assert recover_sender(tx) == address_of(key)
        assert sign_transaction(tx, key) == tx, "signing is deterministic"
        count += 1
    assert count > 100


def _values(kind: str, verbose):
    """Turn ethers' annotated values into ours."""
    if verbose["type"] in ("array", "object"):
        return tuple(_values(kind, inner) for inner in verbose["value"])
    if verbose["type"] == "hexstring":
        return _hex(verbose["value"])
    return int(verbose["value"]) if verbose["type"] == "number" else verbose["value"]


def test_abi_of_ethers():
    count = 0
    for case in _json(_CRYPTO / "ethers" / "abi.json.gz"):
        if "encoded" not in case or re.search(r"int(?!\d)", case["type"]):
            continue  # "uint" is Solidity's shorthand, which signatures never hold
        value = _values(case["type"], case["verbose"])
        encoded = _hex(case["encoded"])
        assert abi.encode([case["type"]], [value]) == encoded, case["name"]
        assert abi.encode([case["type"]], abi.decode([case["type"]], encoded)) == encoded
        count += 1
    assert count > 100


def test_abi_of_ethereum_tests():
    cases = _json(vectors_root() / "ethereum_tests" / "ABITests" / "basic_abi_tests.json")
    for name, case in cases.items():
        values = [
            arg.encode() if kind.startswith("bytes") else arg
            for kind, arg in zip(case["types"], case["args"], strict=True)
        ]
        assert abi.encode(case["types"], values).hex() == case["result"], name
