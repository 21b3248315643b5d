"""Hashing, signing, recovery and key derivation against known answers and other libraries."""

from __future__ import annotations

import threading

import pytest
from coincurve import PublicKey
from eth_hash.auto import keccak

from chain.crypto.hd import DEVELOPMENT_MNEMONIC, ETHEREUM_PATH, derive_key
from chain.crypto.keccak import keccak256
from chain.crypto.merkle import EMPTY_MERKLE_ROOT, leaf_hash, merkle_proof, merkle_root, node_hash
from chain.crypto.secp256k1 import (
    CURVE_ORDER,
    InvalidSignature,
    Signature,
    address_of,
    recover,
    sign,
)
from chain.errors import DecodeError
from chain.types import checksum_address

_KEY = b"\x11" * 32
_DIGEST = keccak256(b"digest")


def test_keccak_of_nothing():
    assert keccak256(b"").hex() == (
        "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    )


def test_keccak_agrees_with_eth_hash_at_every_length_around_the_block_size():
    data = bytes(range(256)) * 3
    for length in range(420):
        assert keccak256(data[:length]) == keccak(data[:length])


def test_keccak_in_threads_does_not_mix_states():
    wrong = []

    def work(seed: int) -> None:
        data = bytes((seed,)) * 3_000
        want = keccak(data)
        wrong.extend(1 for _ in range(500) if keccak256(data) != want)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_signature_recovers_its_signer():
    signature = sign(_DIGEST, _KEY)
    assert recover(_DIGEST, signature) == address_of(_KEY)
    assert Signature.from_bytes(signature.to_bytes()) == signature
    assert signature.s <= CURVE_ORDER // 2


def test_signature_over_another_digest_recovers_somebody_else():
    assert recover(keccak256(b"other"), sign(_DIGEST, _KEY)) != address_of(_KEY)


def test_high_s_is_refused_unless_allowed():
    low = sign(_DIGEST, _KEY)
    high = Signature(1 - low.y_parity, low.r, CURVE_ORDER - low.s)
    with pytest.raises(InvalidSignature, match="high s"):
        recover(_DIGEST, high)
    assert recover(_DIGEST, high, low_s=False) == address_of(_KEY)


@pytest.mark.parametrize(
    ("y_parity", "r", "s"),
    [(0, 0, 1), (0, 1, 0), (2, 1, 1), (0, CURVE_ORDER, 1), (0, 1, CURVE_ORDER), (0, 5, 1)],
)
def test_signature_that_nobody_made_is_refused(y_parity, r, s):
    with pytest.raises(InvalidSignature):
        recover(_DIGEST, Signature(y_parity, r, s))


def test_recovery_agrees_with_the_librarys_own_objects():
    for number in range(1, 40):
        digest = keccak256(number.to_bytes(32, "big"))
        # r is the x of a point about every second time, so both ways of ending are met.
        signature = Signature(number & 1, number, CURVE_ORDER // 3)
        compact = signature.r.to_bytes(32, "big") + signature.s.to_bytes(32, "big")
        try:
            key = PublicKey.from_signature_and_message(
                compact + bytes((signature.y_parity,)), digest, hasher=None
            )
        except ValueError:
            with pytest.raises(InvalidSignature, match="no public key fits"):
                recover(digest, signature)
        else:
            assert recover(digest, signature) == keccak256(key.format(compressed=False)[1:])[12:]


@pytest.mark.parametrize("digest", [b"", bytes(31), bytes(33)])
def test_digest_of_another_length_is_refused(digest):
    with pytest.raises(InvalidSignature):
        recover(digest, sign(_DIGEST, _KEY))
    with pytest.raises(InvalidSignature):
        sign(digest, _KEY)


@pytest.mark.parametrize("key", [b"", bytes(32), CURVE_ORDER.to_bytes(32, "big"), bytes(33)])
def test_bad_private_key_is_refused(key):
    with pytest.raises(InvalidSignature):
        address_of(key)
    with pytest.raises(InvalidSignature):
        sign(_DIGEST, key)


@pytest.mark.parametrize("data", [b"", bytes(64), bytes(64) + b"\x1d", bytes(64) + b"\x02"])
def test_signature_bytes_in_a_wrong_form_are_refused(data):
    with pytest.raises(DecodeError, match="signature"):
        Signature.from_bytes(data)


@pytest.mark.parametrize(
    ("index", "address"),
    [
        (0, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        (1, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        (9, "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"),
    ],
)
def test_development_accounts_are_those_of_anvil(index, address):
    key = derive_key(DEVELOPMENT_MNEMONIC, ETHEREUM_PATH.format(index=index))
    assert checksum_address(address_of(key)) == address


@pytest.mark.parametrize("path", ["", "44'/0", "m/x", "m/-1", "m/2147483648", "m//0", "m/0/" * 300])
def test_key_path_in_a_wrong_form_is_refused(path):
    with pytest.raises(DecodeError, match="key path"):
        derive_key(DEVELOPMENT_MNEMONIC, path)


def test_merkle_root_of_nothing_one_and_three():
    leaves = [leaf_hash(word) for word in (b"a", b"b", b"c")]
    assert merkle_root([]) == EMPTY_MERKLE_ROOT == keccak256(b"")
    assert merkle_root(leaves[:1]) == leaves[0]
    assert merkle_root(leaves) == node_hash(node_hash(leaves[0], leaves[1]), leaves[2])
    assert merkle_proof(leaves, 2) == [node_hash(leaves[0], leaves[1])], "the odd leaf moved up"


@pytest.mark.parametrize("index", [-1, 3])
def test_merkle_proof_beyond_the_leaves_is_refused(index):
    with pytest.raises(IndexError, match="of 3 leaves"):
        merkle_proof([leaf_hash(b"")] * 3, index)
