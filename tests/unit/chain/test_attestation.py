"""Statements: the digest that wallets make too, and a signer that any change loses."""

from __future__ import annotations

import dataclasses

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from chain.attestation import (
    SHARES_TOTAL_PPM,
    InferenceStatement,
    TrainingStatement,
    digest,
    recover_signer,
    shares_leaf,
    shares_root,
    sign_statement,
    solidity_tuple,
    statement_values,
    typed_data,
)
from chain.crypto.merkle import EMPTY_MERKLE_ROOT
from chain.crypto.secp256k1 import InvalidSignature, address_of
from chain.errors import DecodeError, EncodeError

_KEY = b"\x11" * 32
_CHAIN_ID = 901
_CONTRACT = bytes.fromhex("5354454d4d410000000000000000000000000003")
_TRAINING = TrainingStatement(
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
_INFERENCE = InferenceStatement(
    request_id=b"\x01" * 32,
    adapter_id=b"\x02" * 32,
    prompt_hash=b"\x03" * 32,
    output_hash=b"\x04" * 32,
    input_tokens=12,
    output_tokens=34,
    shares_root=b"\x05" * 32,
    evidence_hash=b"\x06" * 32,
)
_STATEMENTS = [_TRAINING, _INFERENCE]


def _sign(statement, key=_KEY):
    return sign_statement(statement, key, chain_id=_CHAIN_ID, verifying_contract=_CONTRACT)


def _signer(statement, signature, chain_id=_CHAIN_ID, contract=_CONTRACT):
    return recover_signer(statement, signature, chain_id=chain_id, verifying_contract=contract)


@pytest.mark.parametrize("statement", _STATEMENTS)
def test_statement_signature_is_what_a_wallet_makes_of_the_typed_data(statement):
    message = encode_typed_data(full_message=typed_data(statement, _CHAIN_ID, _CONTRACT))
    assert Account.sign_message(message, _KEY).signature == _sign(statement)
    assert _signer(statement, _sign(statement)) == address_of(_KEY)


@pytest.mark.parametrize(
    ("statement", "field"),
    [(s, field.name) for s in _STATEMENTS for field in dataclasses.fields(s)],
)
def test_changed_statement_is_not_the_signers(statement, field):
    old = getattr(statement, field)
    changed = dataclasses.replace(
        statement, **{field: old + 1 if isinstance(old, int) else b"\xff" * 32}
    )
    assert _signer(changed, _sign(statement)) != address_of(_KEY)


def test_signature_for_another_chain_or_precompile_is_not_the_signers():
    signature = _sign(_TRAINING)
    assert _signer(_TRAINING, signature, chain_id=902) != address_of(_KEY)
    assert _signer(_TRAINING, signature, contract=b"\x01" * 20) != address_of(_KEY)


def test_statements_of_two_kinds_never_share_a_digest():
    digests = {digest(s, _CHAIN_ID, _CONTRACT) for s in _STATEMENTS}
    assert len(digests) == 2


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(64) + b"\x05"])
def test_statement_signature_in_a_wrong_form_is_refused(signature):
    with pytest.raises(DecodeError, match="signature"):
        _signer(_TRAINING, signature)


def test_statement_signature_of_nobody_is_refused():
    with pytest.raises(InvalidSignature):
        _signer(_TRAINING, bytes(65))


@pytest.mark.parametrize(
    "change", [{"steps": 2**64}, {"steps": -1}, {"job_id": 2**256}, {"adapter_id": b"\x01" * 31}]
)
def test_statement_field_that_does_not_fit_is_refused(change):
    with pytest.raises(EncodeError):
        _sign(dataclasses.replace(_TRAINING, **change))


def test_statement_as_the_tuple_of_a_call():
    assert solidity_tuple(TrainingStatement) == (
        "(uint256,uint256,bytes32,bytes32,bytes32,bytes32,bytes32,uint64,bytes32)"
    )
    assert solidity_tuple(InferenceStatement) == (
        "(bytes32,bytes32,bytes32,bytes32,uint64,uint64,bytes32,bytes32)"
    )
    assert statement_values(_INFERENCE)[4:6] == (12, 34)


def test_shares_root_binds_place_account_and_amount():
    shares = [(b"\x11" * 20, 600_000), (b"\x22" * 20, 400_000)]
    assert sum(ppm for _, ppm in shares) == SHARES_TOTAL_PPM
    roots = {
        shares_root(shares),
        shares_root(shares[::-1]),
        shares_root([(b"\x11" * 20, 600_001), shares[1]]),
        shares_root(shares[:1]),
    }
    assert len(roots) == 4
    assert shares_root([]) == EMPTY_MERKLE_ROOT
    assert shares_root(shares[:1]) == shares_leaf(0, b"\x11" * 20, 600_000)
