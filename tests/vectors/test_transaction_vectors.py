"""ethereum/tests TransactionTests: each transaction is taken or refused as the rules say.

The pool judges by Cancun's, the transition by those of every fork from the Frontier on.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from state_fixtures import RULES
from vectors import vectors_root

from chain.errors import DecodeError
from chain.state import MemoryStateStore, State
from chain.transaction import InvalidSignature, decode_transaction, recover_sender
from chain.txpool import USER_TYPES, PoolError, TransactionPool
from chain.types import Address, Hash32
from evm.environment import BlockEnvironment
from evm.errors import InvalidTransaction
from evm.intrinsic_gas import gas_of
from evm.transition import Transition


def _cases():
    folder = vectors_root() / "ethereum_tests" / "TransactionTests"
    for file in sorted(folder.glob("*/*.json")):
        for name, case in json.loads(file.read_text()).items():
            yield pytest.param(case, id=f"{file.parent.name}-{name}")


def _intrinsic_gas(tx) -> int:
    """The Cancun schedule, which the ground floor itself does not know."""
    zeros = tx.data.count(0)
    gas = 21_000 + 4 * zeros + 16 * (len(tx.data) - zeros)
    if tx.to is None:
        gas += 32_000 + 2 * ((len(tx.data) + 31) // 32)
    access_list = () if tx.type == 0 else tx.access_list
    return gas + sum(2_400 + 1_900 * len(slots) for _, slots in access_list)


@pytest.mark.parametrize("case", list(_cases()))
def test_transaction_vector(case):
    results = case["result"]
    want = results.get("Cancun") or results[max(results)]  # some files know one fork only
    raw = bytes.fromhex(case["txbytes"][2:])
    # Chain 1, and a sender who can pay any gas that fits 256 bits: the rest is the fault of the
    # transaction itself.
    pool = TransactionPool(chain_id=1, minimum_gas=_intrinsic_gas, accepted_types=USER_TYPES | {3})
    try:
        tx = decode_transaction(raw)
        sender = recover_sender(tx)
        pool.add(tx, sender, tx.nonce, 2**256 - 1 + tx.value)
    except (DecodeError, InvalidSignature, PoolError) as error:
        assert "exception" in want, f"refused a good transaction: {error}"
        return
    assert "exception" not in want, want
    assert "0x" + sender.hex() == want["sender"]
    assert "0x" + tx.hash.hex() == want["hash"]
    assert _intrinsic_gas(tx) == int(want["intrinsicGas"], 16)
    assert tx.encode() == raw


def _cases_by_fork():
    folder = vectors_root() / "ethereum_tests" / "TransactionTests"
    for file in sorted(folder.glob("*/*.json")):
        for name, case in json.loads(file.read_text()).items():
            for fork, want in case["result"].items():
                if fork in RULES:
                    label = f"{file.parent.name}-{name}-{fork}"
                    yield pytest.param(case["txbytes"], want, RULES[fork], id=label)


@pytest.mark.parametrize(("raw", "want", "rules"), list(_cases_by_fork()))
def test_transaction_under_the_rules_of_a_fork(raw, want, rules):
    try:
        tx = decode_transaction(bytes.fromhex(raw[2:]))
        sender = recover_sender(tx, low_s=rules.has_low_s)
        _applied_alone(tx, sender, rules)
    except (DecodeError, InvalidSignature, InvalidTransaction) as error:
        assert "exception" in want, f"refused a good transaction: {error}"
        return
    assert "exception" not in want, want
    assert "0x" + sender.hex() == want["sender"]
    assert "0x" + tx.hash.hex() == want["hash"]
    assert gas_of(tx, rules)[0] == int(want["intrinsicGas"], 16)


def _applied_alone(tx, sender, rules) -> None:
    """Apply it for a sender with the right nonce who can pay any gas that fits 256 bits."""
    state = State(MemoryStateStore())
    state.set_balance(sender, 2**256 - 1)
    state.set_nonce(sender, tx.nonce)
    block = BlockEnvironment(
        chain_id=1,
        number=1,
        timestamp=1,
        coinbase=Address(bytes(19) + b"\xcb"),
        prev_randao=Hash32(bytes(32)),
        gas_limit=2**64 - 1,
        base_fee=0,
        blob_base_fee=1,
        block_hash=lambda _number: None,
        rules=rules,
    )
    # Whether the value can be paid as well is not asked here.
    Transition(state, block).apply(
        replace(tx, value=0), sender, block.gas_limit, rules.max_blob_gas
    )
