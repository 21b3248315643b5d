"""Ed25519 against RFC 8032's own vectors, and what is no signature."""

from __future__ import annotations

import pytest

from chain.crypto import ed25519

# RFC 8032, 7.1, TEST 1 to 3.
CASES = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
        "f9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
        "f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
]


@pytest.mark.parametrize(("seed", "key", "message", "signature"), CASES)
def test_vectors_of_the_rfc(seed, key, message, signature):
    seed, key, message, signature = map(bytes.fromhex, (seed, key, message, signature))
    assert ed25519.public_key_of(seed) == key
    assert ed25519.sign(message, seed) == signature
    assert ed25519.verify(message, signature, key)


def test_what_is_no_signature():
    seed = bytes(range(32))
    key, signature = ed25519.public_key_of(seed), ed25519.sign(b"this", seed)
    assert not ed25519.verify(b"that", signature, key)
    assert not ed25519.verify(b"this", signature[:-1], key)
    assert not ed25519.verify(b"this", bytes(64), key)
    assert not ed25519.verify(b"this", signature, bytes(32))
    assert not ed25519.verify(b"this", signature, b"short")
    with pytest.raises(ValueError, match="expected 32 bytes, got 31"):
        ed25519.sign(b"this", seed[:31])
