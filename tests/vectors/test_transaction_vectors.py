"""ethereum/tests TransactionTests: each transaction is taken or refused as Cancun's rules say."""

from __future__ import annotations

import json

import pytest
from vectors import vectors_root

from chain.errors import DecodeError
from chain.transaction import InvalidSignature, decode_transaction, recover_sender
from chain.txpool import USER_TYPES, PoolError, TransactionPool


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
