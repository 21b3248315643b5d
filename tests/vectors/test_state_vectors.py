"""State roots of ethereum/tests: every `pre` gives the genesis root, every `postState` the last."""

from __future__ import annotations

import json

import pytest
from vectors import vectors_root

from chain.state import MemoryStateStore, State
from chain.types import Address


def _files():
    folder = vectors_root() / "ethereum_tests" / "BlockchainTests_ValidBlocks"
    return sorted(folder.rglob("*.json"))


def _root(allocation: dict) -> str:
    state = State(MemoryStateStore())
    for address, account in allocation.items():
        where = Address(bytes.fromhex(address[2:]))
        state.touch(where)
        state.set_balance(where, int(account["balance"], 16))
        state.set_nonce(where, int(account["nonce"], 16))
        state.set_code(where, bytes.fromhex(account["code"][2:]))
        for slot, value in account["storage"].items():
            state.set_storage(where, int(slot, 16), int(value, 16))
    return "0x" + state.compute_root().hex()


@pytest.mark.parametrize("file", _files(), ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_state_roots_of(file):
    for case in json.loads(file.read_text()).values():
        assert _root(case["pre"]) == case["genesisBlockHeader"]["stateRoot"]
        last = next(
            (
                block["blockHeader"]
                for block in case["blocks"]
                if block.get("blockHeader", {}).get("hash") == case["lastblockhash"]
            ),
            None,
        )
        if "postState" in case and last is not None:
            assert _root(case["postState"]) == last["stateRoot"]
