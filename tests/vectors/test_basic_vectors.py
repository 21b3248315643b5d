"""ethereum/tests' small sets: key files, and the addresses of keys."""

from __future__ import annotations

import json

import pytest
from fixtures import reason_to_skip
from vectors import vectors_root

from chain.crypto.keystore import decrypt_key
from chain.crypto.secp256k1 import address_of

ROOT = vectors_root() / "ethereum_tests"
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
