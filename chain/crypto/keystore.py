"""Encrypted private keys in the Web3 Secret Storage form, version 3, that every wallet reads.

Source: ethereum.org, "Web3 Secret Storage Definition". Knows nothing of files, prompts or chance:
the salt, the initialisation vector and the password are arguments.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ..errors import DecodeError, StemmaError
from .keccak import keccak256
from .secp256k1 import address_of

KEY_BYTES: Final = 32
SALT_BYTES: Final = 32
IV_BYTES: Final = 16
SCRYPT_N: Final = 2**18  # geth's standard strength: about a second and 256 MiB
SCRYPT_R: Final = 8
SCRYPT_P: Final = 1
MAX_SCRYPT_MEMORY_BYTES: Final = 2**30  # a keystore may not make the reader use more than 1 GiB
MAX_PBKDF2_ROUNDS: Final = 10_000_000


class WrongPassword(StemmaError):
    """The password does not open this keystore: its MAC differs."""


def encrypt_key(
    private_key: bytes,
    password: str,
    *,
    salt: bytes,
    iv: bytes,
    key_id: str,
    scrypt_n: int = SCRYPT_N,
) -> dict[str, Any]:
    """The keystore object of a 32-byte private key, ready for `json.dumps`.

    `salt` is 32 and `iv` 16 fresh random bytes, `key_id` a UUID. Raises DecodeError on wrong sizes.
    """
    sizes = (len(private_key), len(salt), len(iv))
    if sizes != (KEY_BYTES, SALT_BYTES, IV_BYTES):
        raise DecodeError(f"keystore: key, salt, iv must be 32, 32, 16 bytes; got {sizes}")
    params = {"dklen": 32, "n": scrypt_n, "r": SCRYPT_R, "p": SCRYPT_P, "salt": salt.hex()}
    derived = _derive("scrypt", params, password)
    ciphertext = _aes_128_ctr(derived[:16], iv, private_key)
    return {
        "version": 3,
        "id": key_id,
        "address": address_of(private_key).hex(),
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": iv.hex()},
            "ciphertext": ciphertext.hex(),
            "kdf": "scrypt",
            "kdfparams": params,
            "mac": keccak256(derived[16:32] + ciphertext).hex(),
        },
    }


def decrypt_key(keystore: Mapping[str, Any], password: str) -> bytes:
    """The 32-byte private key inside a version 3 keystore.

    Raises WrongPassword when the MAC differs, DecodeError when the object is not such a keystore or
    asks for more work than the bounds above.
    """
    try:
        if int(keystore["version"]) != 3:
            raise DecodeError(f"keystore: version 3 expected, got {keystore['version']!r}")
        crypto = keystore["crypto"] if "crypto" in keystore else keystore["Crypto"]
        if crypto["cipher"] != "aes-128-ctr":
            raise DecodeError(f"keystore: cipher aes-128-ctr expected, got {crypto['cipher']!r}")
        ciphertext = bytes.fromhex(crypto["ciphertext"])
        iv = bytes.fromhex(crypto["cipherparams"]["iv"])
        derived = _derive(crypto["kdf"], crypto["kdfparams"], password)
        mac = bytes.fromhex(crypto["mac"])
    except DecodeError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DecodeError(f"keystore: malformed: {error!r}") from None
    if not hmac.compare_digest(keccak256(derived[16:32] + ciphertext), mac):
        raise WrongPassword("keystore: the password does not open it (MAC differs)")
    key = _aes_128_ctr(derived[:16], iv.rjust(IV_BYTES, b"\0"), ciphertext)
    if len(key) != KEY_BYTES:
        raise DecodeError(f"keystore: a private key has 32 bytes, this one {len(key)}")
    return key


def _derive(kdf: str, params: Mapping[str, Any], password: str) -> bytes:
    secret, salt, size = password.encode(), bytes.fromhex(params["salt"]), int(params["dklen"])
    if not 32 <= size <= 64:
        raise DecodeError(f"keystore: dklen must be 32..64, got {size}")
    if kdf == "scrypt":
        n, r, p = int(params["n"]), int(params["r"]), int(params["p"])
        if n * r * 128 > MAX_SCRYPT_MEMORY_BYTES or p > 16:
            raise DecodeError(f"keystore: scrypt n={n} r={r} p={p} asks for more than 1 GiB")
        # hashlib wants a little more than the 128 * n * r bytes that scrypt itself fills
        memory = 128 * r * (n + p + 2)
        return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=size)
    if kdf == "pbkdf2" and params["prf"] == "hmac-sha256":
        rounds = int(params["c"])
        if not 1 <= rounds <= MAX_PBKDF2_ROUNDS:
            raise DecodeError(
                f"keystore: pbkdf2 rounds must be 1..{MAX_PBKDF2_ROUNDS}, got {rounds}"
            )
        return hashlib.pbkdf2_hmac("sha256", secret, salt, rounds, size)
    raise DecodeError(f"keystore: kdf scrypt or pbkdf2 with hmac-sha256 expected, got {kdf!r}")


def _aes_128_ctr(key: bytes, iv: bytes, data: bytes) -> bytes:
    cipher = Cipher(algorithms.AES128(key), modes.CTR(iv)).encryptor()
    return bytes(cipher.update(data) + cipher.finalize())
