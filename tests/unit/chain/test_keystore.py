"""Version 3 keystores: ours opens, a wrong password or a greedy file does not."""

from __future__ import annotations

import pytest

from chain.crypto.keystore import WrongPassword, decrypt_key, encrypt_key
from chain.crypto.secp256k1 import address_of
from chain.errors import DecodeError

KEY = bytes(range(1, 33))


def small_keystore() -> dict:
    return encrypt_key(
        KEY, "correct horse", salt=b"s" * 32, iv=b"i" * 16, key_id="a-uuid", scrypt_n=1024
    )


def test_a_key_comes_back_with_its_password() -> None:
    keystore = small_keystore()
    assert decrypt_key(keystore, "correct horse") == KEY
    assert keystore["address"] == address_of(KEY).hex()


def test_a_wrong_password_is_named_as_such() -> None:
    with pytest.raises(WrongPassword):
        decrypt_key(small_keystore(), "battery staple")


def test_one_flipped_bit_in_the_ciphertext_is_refused() -> None:
    keystore = small_keystore()
    text = keystore["crypto"]["ciphertext"]
    keystore["crypto"]["ciphertext"] = f"{int(text[0], 16) ^ 1:x}" + text[1:]
    with pytest.raises(WrongPassword):
        decrypt_key(keystore, "correct horse")


@pytest.mark.parametrize(
    ("field", "value"), [("n", 2**28), ("p", 1000), ("dklen", 10**9), ("salt", "zz")]
)
def test_a_keystore_that_asks_for_too_much_work_is_refused_before_it_is_done(field, value) -> None:
    keystore = small_keystore()
    keystore["crypto"]["kdfparams"][field] = value
    with pytest.raises(DecodeError):
        decrypt_key(keystore, "correct horse")


@pytest.mark.parametrize("missing", ["version", "crypto"])
def test_a_keystore_without_a_part_is_malformed(missing) -> None:
    keystore = small_keystore()
    del keystore[missing]
    with pytest.raises(DecodeError):
        decrypt_key(keystore, "correct horse")
