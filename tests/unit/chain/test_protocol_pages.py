"""The worked examples of the protocol pages are what the code computes."""

from __future__ import annotations

from pathlib import Path

from chain.attestation import (
    TrainingStatement,
    digest,
    domain_separator,
    shares_leaf,
    shares_root,
    sign_statement,
    struct_hash,
)
from chain.crypto.hd import DEVELOPMENT_MNEMONIC, ETHEREUM_PATH, derive_key
from chain.crypto.merkle import EMPTY_MERKLE_ROOT, leaf_hash, merkle_proof, merkle_root, node_hash
from chain.transaction import DepositTransaction, DynamicFeeTransaction, sign_transaction

_PAGES = Path(__file__).parents[3] / "docs" / "protocol"
_ONES, _TWOS = b"\x11" * 20, b"\x22" * 20


def _assert_on_page(name: str, *values: bytes) -> None:
    page = (_PAGES / name).read_text()
    missing = [value.hex() for value in values if value.hex() not in page]
    assert not missing, f"{name} does not show {missing}"


def test_transactions_page():
    key = derive_key(DEVELOPMENT_MNEMONIC, ETHEREUM_PATH.format(index=0))
    unsigned = DynamicFeeTransaction(
        chain_id=901,
        nonce=0,
        max_priority_fee_per_gas=10**9,
        max_fee_per_gas=2 * 10**9,
        gas_limit=21_000,
        to=_ONES,
        value=10**18,
        data=b"",
    )
    deposit = DepositTransaction(
        source_hash=b"\x01" * 32,
        sender=_TWOS,
        to=_ONES,
        mint=10**18,
        value=10**18,
        gas_limit=21_000,
        is_system_transaction=False,
        data=b"",
    )
    signed = sign_transaction(unsigned, key)
    _assert_on_page("transactions.md", signed.signing_hash, signed.encode(), signed.hash)
    _assert_on_page("transactions.md", deposit.encode(), deposit.hash)


def test_merkle_page():
    leaves = [leaf_hash(word) for word in (b"a", b"b", b"c")]
    node = node_hash(leaves[0], leaves[1])
    _assert_on_page("merkle.md", EMPTY_MERKLE_ROOT, *leaves, node, merkle_root(leaves))
    assert merkle_proof(leaves, 0) == leaves[1:]
    assert merkle_proof(leaves, 2) == [node]


def test_attestation_page():
    contract = bytes.fromhex("5354454d4d410000000000000000000000000003")
    statement = TrainingStatement(
        job_id=1,
        datanet_id=2,
        snapshot_root=b"\x01" * 32,
        base_model=b"\x02" * 32,
        recipe_hash=b"\x03" * 32,
        checkpoints_root=b"\x04" * 32,
        adapter_id=b"\x05" * 32,
        steps=77,
        metrics_hash=b"\x06" * 32,
    )
    _assert_on_page(
        "attestation.md",
        domain_separator(901, contract),
        struct_hash(statement),
        digest(statement, 901, contract),
        sign_statement(statement, b"\x11" * 32, chain_id=901, verifying_contract=contract),
    )
    shares = [(_ONES, 600_000), (_TWOS, 400_000)]
    leaves = [shares_leaf(index, *share) for index, share in enumerate(shares)]
    _assert_on_page("attestation.md", *leaves, shares_root(shares))
