"""Transactions: each kind against eth-account, and what decoding refuses."""

from __future__ import annotations

import dataclasses

import pytest
from eth_account import Account

from chain import rlp
from chain.blob_sidecar import (
    BLOB_BYTES,
    BlobSidecar,
    decode_blob_network_form,
    encode_blob_network_form,
    is_blob_network_form,
)
from chain.crypto.secp256k1 import CURVE_ORDER, address_of
from chain.errors import DecodeError
from chain.transaction import (
    AccessListTransaction,
    BlobTransaction,
    DepositTransaction,
    DynamicFeeTransaction,
    InvalidSignature,
    LegacyTransaction,
    SetCodeTransaction,
    decode_transaction,
    effective_tip_wei,
    fee_cap_wei,
    recover_authority,
    recover_sender,
    sign_authorization,
    sign_transaction,
    tip_cap_wei,
)

_KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
_TO = b"\x11" * 20
_SLOTS = ((_TO, (1, 2**255)),)
_COMMON = {"nonce": 7, "gas_limit": 50_000, "to": _TO, "value": 5, "data": b"\x01\x02"}
_TIPS = {"max_priority_fee_per_gas": 10, "max_fee_per_gas": 100}
_CONSENT = sign_authorization(_KEY, chain_id=0, address=_TO, nonce=3)
_DEPOSIT = DepositTransaction(
    source_hash=b"\x01" * 32,
    sender=_TO,
    to=None,
    mint=10**18,
    value=1,
    gas_limit=21_000,
    is_system_transaction=False,
    data=b"",
)
_UNSIGNED = {
    "legacy": LegacyTransaction(chain_id=901, gas_price=9, **_COMMON),
    "legacy without chain id": LegacyTransaction(chain_id=None, gas_price=9, **_COMMON),
    "contract creation": LegacyTransaction(chain_id=1, gas_price=9, **(_COMMON | {"to": None})),
    "access list": AccessListTransaction(chain_id=901, gas_price=9, access_list=_SLOTS, **_COMMON),
    "dynamic fee": DynamicFeeTransaction(chain_id=901, access_list=_SLOTS, **_COMMON, **_TIPS),
    "blob": BlobTransaction(
        chain_id=901,
        max_fee_per_blob_gas=3,
        blob_versioned_hashes=(b"\x01" * 32,),
        **_COMMON,
        **_TIPS,
    ),
    "set code": SetCodeTransaction(
        chain_id=901, authorization_list=(_CONSENT,), **_COMMON, **_TIPS
    ),
}


@pytest.mark.parametrize("kind", _UNSIGNED)
def test_signed_transaction_decodes_to_itself_and_recovers_its_sender(kind):
    signed = sign_transaction(_UNSIGNED[kind], _KEY)
    decoded = decode_transaction(signed.encode())
    assert decoded == signed
    assert decoded.hash == signed.hash
    assert recover_sender(decoded) == address_of(_KEY)


@pytest.mark.parametrize("kind", [kind for kind in _UNSIGNED if kind != "blob"])
def test_signed_transaction_is_read_by_eth_account(kind):
    raw = sign_transaction(_UNSIGNED[kind], _KEY).encode()
    assert Account.recover_transaction(raw) == Account.from_key(_KEY).address


def test_deposit_decodes_to_itself_and_names_its_sender():
    assert decode_transaction(_DEPOSIT.encode()) == _DEPOSIT
    assert recover_sender(_DEPOSIT) == _TO


def test_authorization_recovers_its_authority():
    assert recover_authority(_CONSENT) == address_of(_KEY)


def test_decoded_transaction_keeps_the_bytes_it_came_from():
    raw = sign_transaction(_UNSIGNED["dynamic fee"], _KEY).encode()
    assert decode_transaction(raw).encode() is raw


def test_changed_copy_is_encoded_and_recovered_afresh():
    signed = sign_transaction(_UNSIGNED["dynamic fee"], _KEY)
    sender = recover_sender(signed)
    changed = dataclasses.replace(signed, value=6)
    assert changed.hash != signed.hash
    assert recover_sender(changed) != sender


def test_fee_caps_and_tip():
    legacy, dynamic = _UNSIGNED["legacy"], _UNSIGNED["dynamic fee"]
    assert (fee_cap_wei(legacy), tip_cap_wei(legacy)) == (9, 9)
    assert (fee_cap_wei(dynamic), tip_cap_wei(dynamic)) == (100, 10)
    assert [effective_tip_wei(dynamic, fee) for fee in (0, 90, 95, 101)] == [10, 10, 5, -1]


def _fields(kind: str) -> list:
    raw = sign_transaction(_UNSIGNED[kind], _KEY).encode()
    return rlp.decode(raw if kind == "legacy" else raw[1:])


def _with(kind: str, position: int, value) -> bytes:
    fields = _fields(kind)
    fields[position] = value
    prefix = b"" if kind == "legacy" else bytes((_UNSIGNED[kind].type,))
    return prefix + rlp.encode(fields)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "no bytes"),
        (b"\x00" + rlp.encode([b""]), "not supported: 0x00"),
        (b"\x05" + rlp.encode([b""]), "not supported: 0x05"),
        (b"\x7f\xc0", "not supported: 0x7f"),
        (b"\xc0", "expected 9 items, got 0"),
        (b"\x02", "no bytes"),
        (b"\x02\x80", "expected a list"),
        (_with("legacy", 0, b"\x00"), "nonce: leading zero"),
        (_with("legacy", 0, b"\x01" * 9), "nonce: expected at most 8 bytes"),
        (_with("legacy", 1, b"\x01" * 33), "gas_price: expected at most 32 bytes"),
        (_with("legacy", 2, []), "gas_limit: expected an integer"),
        (_with("legacy", 3, b"\x01" * 19), "to: expected 0 or 20 bytes, got 19"),
        (_with("legacy", 6, b"\x1d"), "v: expected 27, 28 or at least 35, got 29"),
        (_with("legacy", 6, b""), "v: expected 27, 28 or at least 35, got 0"),
        (_with("dynamic fee", 9, b"\x02"), "y_parity: expected 0 or 1, got 2"),
        (_with("dynamic fee", 8, [[_TO]]), "access_list entry: expected 2 items"),
        (_with("dynamic fee", 8, [[_TO, [b"\x01"]]]), "access_list slot: expected 32 bytes"),
        (_with("blob", 5, b""), "to: expected 20 bytes, got 0"),
        (_with("blob", 10, [b"\x01" * 31]), "blob_versioned_hashes entry: expected 32 bytes"),
        (_with("set code", 5, b""), "to: expected 20 bytes, got 0"),
        (_with("set code", 9, [[b"", _TO, b"", b"\x01\x00", b"", b""]]), "authorization y_parity"),
        (b"\x7e" + rlp.encode([b""] * 7), "expected 8 items, got 7"),
        (_DEPOSIT.encode() + b"\x00", "the data has"),
    ],
)
def test_transaction_in_a_wrong_form_is_refused_with_the_field(raw, reason):
    with pytest.raises(DecodeError, match=reason):
        decode_transaction(raw)


def test_deposit_with_a_flag_that_is_no_flag_is_refused():
    fields = rlp.decode(_DEPOSIT.encode()[1:])
    fields[6] = b"\x02"
    with pytest.raises(DecodeError, match="is_system_transaction"):
        decode_transaction(b"\x7e" + rlp.encode(fields))


def test_transaction_with_a_high_s_has_no_sender():
    signed = sign_transaction(_UNSIGNED["dynamic fee"], _KEY)
    twisted = dataclasses.replace(signed, s=CURVE_ORDER - signed.s, y_parity=1 - signed.y_parity)
    with pytest.raises(InvalidSignature, match="high s"):
        recover_sender(twisted)


def test_unsigned_transaction_has_no_sender():
    with pytest.raises(InvalidSignature, match="out of range"):
        recover_sender(_UNSIGNED["dynamic fee"])


# ----------------------------------------------------------------------------------------- blobs


def _blob_pair(version: int = 0) -> tuple[BlobTransaction, BlobSidecar]:
    sidecar = BlobSidecar(
        version=version,
        blobs=(bytes(BLOB_BYTES),),
        commitments=(b"\xc0" + bytes(47),),
        proofs=(b"\xc0" + bytes(47),) * (128 if version else 1),
    )
    unsigned = dataclasses.replace(
        _UNSIGNED["blob"], blob_versioned_hashes=sidecar.versioned_hashes
    )
    return sign_transaction(unsigned, _KEY), sidecar


@pytest.mark.parametrize("version", [0, 1])
def test_blob_network_form_round_trip(version):
    tx, sidecar = _blob_pair(version)
    raw = encode_blob_network_form(tx, sidecar)
    assert decode_blob_network_form(raw) == (tx, sidecar)
    assert is_blob_network_form(raw)
    assert not is_blob_network_form(tx.encode())


def test_blob_network_form_with_another_commitment_is_refused():
    tx, sidecar = _blob_pair()
    wrong = dataclasses.replace(sidecar, commitments=(b"\xc1" + bytes(47),))
    with pytest.raises(DecodeError, match="blob 0: the commitment hashes to"):
        decode_blob_network_form(encode_blob_network_form(tx, wrong))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"blobs": ()}, "names 1 blobs, got 0 blobs"),
        ({"blobs": (bytes(5),)}, "blob: expected 131072 bytes"),
        ({"proofs": ()}, "0 proofs"),
        ({"version": 1}, "names 1 blobs"),
        ({"version": 2}, "version: expected 1, got 2"),
    ],
)
def test_blob_network_form_with_wrong_parts_is_refused(change, reason):
    tx, sidecar = _blob_pair()
    raw = encode_blob_network_form(tx, dataclasses.replace(sidecar, **change))
    with pytest.raises(DecodeError, match=reason):
        decode_blob_network_form(raw)


@pytest.mark.parametrize("raw", [b"", b"\x02\xc0", b"\x03\xc0", b"\x03"])
def test_bytes_that_are_no_blob_network_form_are_refused(raw):
    assert not is_blob_network_form(raw)
    with pytest.raises(DecodeError):
        decode_blob_network_form(raw)
