"""The network form of blob transactions: there and back, and refused when it lies."""

from __future__ import annotations

import pytest

from chain import rlp
from chain.errors import DecodeError
from chain.transaction import BlobTransaction, sign_transaction
from genesis.dev_accounts import dev_accounts
from node.l1.blob_sidecar import (
    BlobSidecar,
    decode_network_form,
    is_network_form,
    make_sidecar,
    network_form,
    without_sidecar,
)
from rollup.wire.blob import encode_blob

CELLS = 128


@pytest.fixture(scope="module")
def sidecar() -> BlobSidecar:
    return make_sidecar((encode_blob(b"one"), encode_blob(b"two")))


@pytest.fixture(scope="module")
def transaction(sidecar: BlobSidecar) -> BlobTransaction:
    return sign_transaction(
        BlobTransaction(
            chain_id=900,
            nonce=0,
            max_priority_fee_per_gas=1,
            max_fee_per_gas=10**10,
            gas_limit=21_000,
            to=bytes(20),
            value=0,
            data=b"",
            max_fee_per_blob_gas=10,
            blob_versioned_hashes=sidecar.versioned_hashes,
        ),
        dev_accounts()[0].private_key,
    )


def test_network_form_comes_back(sidecar: BlobSidecar, transaction: BlobTransaction) -> None:
    raw = network_form(transaction, sidecar)
    assert is_network_form(raw)
    assert decode_network_form(raw) == (transaction, sidecar.blobs)
    assert without_sidecar(raw) == transaction.encode()
    assert len(sidecar.cell_proofs) == CELLS * len(sidecar.blobs)


def test_form_before_osaka_is_read_too(sidecar: BlobSidecar, transaction: BlobTransaction) -> None:
    item = rlp.decode(network_form(transaction, sidecar)[1:])
    del item[1]
    assert decode_network_form(b"\x03" + rlp.encode(item)) == (transaction, sidecar.blobs)


def test_plain_transaction_is_no_network_form(transaction: BlobTransaction) -> None:
    assert not is_network_form(transaction.encode())
    assert without_sidecar(transaction.encode()) == transaction.encode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda item: item[2].pop(), "names 2 blobs, carries 1"),
        (lambda item: item[2].reverse(), "or other ones"),
        (lambda item: item.__setitem__(1, b"\x02"), "wrapper version"),
        (lambda item: item.append(b""), "expected .body"),
    ],
)
def test_lying_sidecar_is_refused(
    sidecar: BlobSidecar, transaction: BlobTransaction, change: object, words: str
) -> None:
    item = rlp.decode(network_form(transaction, sidecar)[1:])
    change(item)
    with pytest.raises(DecodeError, match=words):
        decode_network_form(b"\x03" + rlp.encode(item))
