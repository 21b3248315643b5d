"""ethereum/tests' small sets: key files, addresses of keys, signatures, paths, genesis blocks."""

from __future__ import annotations

import json

import pytest
from fixtures import reason_to_skip
from vectors import vectors_root

from chain.block import decode_block
from chain.crypto.keystore import decrypt_key
from chain.crypto.secp256k1 import address_of
from chain.transaction import decode_transaction, recover_sender
from chain.trie.node import hex_prefix
from genesis.allocation import GenesisSpec, genesis_block
from genesis.config import ChainConfig

ROOT = vectors_root() / "ethereum_tests"
GENESIS_BLOCKS = json.loads((ROOT / "GenesisTests" / "basic_genesis_tests.json").read_text())
KEY_FILES = json.loads((ROOT / "KeyStoreTests" / "basic_tests.json").read_text())


@pytest.mark.parametrize("name", sorted(KEY_FILES))
def test_key_file_opens_with_its_password(name):
    reason = reason_to_skip(f"KeyStoreTests/{name}")
    if reason is not None:
        pytest.skip(reason)
    case = KEY_FILES[name]
    key = decrypt_key(case["json"], case["password"])
    assert key.hex() == case["priv"]


def test_addresses_of_keys():
    for case in json.loads((ROOT / "BasicTests" / "keyaddrtest.json").read_text()):
        assert address_of(bytes.fromhex(case["key"])).hex() == case["addr"]


@pytest.mark.parametrize("name", sorted(GENESIS_BLOCKS))
def test_genesis_block_of_the_frontier(name):
    case = dict(GENESIS_BLOCKS[name])
    # Two words of an older client, which geth's form does not have.
    case["timestamp"] = case["timestamp"].replace("0x", "0x0")
    case["alloc"] = {
        address: {{"wei": "balance"}.get(key, key): value for key, value in account.items()}
        for address, account in case["alloc"].items()
    }
    frontier = ChainConfig.from_json({"chainId": 1})
    block, _ = genesis_block(GenesisSpec.from_json(case, frontier))
    assert block.encode().hex() == case["result"]


def test_hash_of_the_mainnet_genesis():
    case = json.loads((ROOT / "BasicTests" / "genesishashestest.json").read_text())
    block = decode_block(bytes.fromhex(case["genesis_rlp_hex"]))
    assert block.hash.hex() == case["genesis_hash"]
    assert block.header.state_root.hex() == case["genesis_state_root"]


def test_signatures_of_the_frontier_may_have_a_high_s():
    for case in json.loads((ROOT / "BasicTests" / "txtest.json").read_text()):
        raw = bytes.fromhex(case["signed"])
        tx = decode_transaction(raw)
        assert recover_sender(tx, low_s=False) == address_of(bytes.fromhex(case["key"]))
        assert tx.encode() == raw


def test_paths_of_trie_nodes():
    for case in json.loads((ROOT / "BasicTests" / "hexencodetest.json").read_text()).values():
        assert hex_prefix(bytes(case["seq"]), 2 if case["term"] else 0).hex() == case["out"]
