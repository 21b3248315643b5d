"""Noise_XX_25519_ChaChaPoly_SHA256: two strangers agree on keys and prove their static keys.

    → e                 the initiator's ephemeral key
    ← e, ee, s, es      the responder's, and its static key, encrypted
    → s, se             the initiator's static key, encrypted

Bytes in, bytes out; no sockets. Ephemeral keys are handed in, so a handshake can be replayed in a
test. Knows nothing of who a static key belongs to. Source: The Noise Protocol Framework, revision
34, sections 5 and 7.5; RFC 7748 (X25519), RFC 8439 (ChaCha20-Poly1305).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from .errors import DecryptionFailed, LocalProtocolError, RemoteProtocolError

PROTOCOL_NAME: Final = b"Noise_XX_25519_ChaChaPoly_SHA256"  # 32 bytes, so it is its own first hash
KEY_BYTES: Final = 32
TAG_BYTES: Final = 16
MAX_MESSAGE_BYTES: Final = 65535
"""Noise, section 3: no message is longer; one length of two bytes will do."""

MAX_NONCE: Final = 2**64 - 2
"""Noise, section 5.1: 2^64-1 is reserved. A session ends long before."""

_MESSAGES: Final[tuple[tuple[str, ...], ...]] = (("e",), ("e", "ee", "s", "es"), ("s", "se"))
_EMPTY: Final = b""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An X25519 key pair, 32 bytes each."""

    private: bytes
    public: bytes

    @classmethod
    def of(cls, private: bytes) -> KeyPair:
        """The pair of a private key, which may be any 32 bytes from a random source."""
        if len(private) != KEY_BYTES:
            raise LocalProtocolError(f"x25519 key: expected {KEY_BYTES} bytes, got {len(private)}")
        public = X25519PrivateKey.from_private_bytes(private).public_key()
        return cls(private, public.public_bytes_raw())


def _shared(pair: KeyPair, public: bytes) -> bytes:
    try:
        return X25519PrivateKey.from_private_bytes(pair.private).exchange(
            X25519PublicKey.from_public_bytes(public)
        )
    except ValueError as error:  # a point of small order: the result would be zero for anyone
        raise RemoteProtocolError(f"noise: 0x{public.hex()} is no usable public key") from error


def _derive(chaining_key: bytes, material: bytes) -> tuple[bytes, bytes]:
    """HKDF with two outputs (Noise, section 4.3)."""
    secret = hmac.digest(chaining_key, material, "sha256")
    first = hmac.digest(secret, b"\x01", "sha256")
    return first, hmac.digest(secret, first + b"\x02", "sha256")


class CipherState:
    """A key and the number of its next message; without a key the bytes pass as they are."""

    __slots__ = ("_cipher", "_nonce")

    def __init__(self, key: bytes | None = None) -> None:
        """`key` has 32 bytes."""
        self._cipher = None if key is None else ChaCha20Poly1305(key)
        self._nonce = 0

    @property
    def has_key(self) -> bool:
        """Whether anything is encrypted."""
        return self._cipher is not None

    def encrypt(self, plaintext: bytes, associated: bytes = _EMPTY) -> bytes:
        """The ciphertext with its tag. Raises LocalProtocolError when the nonces are used up."""
        if self._cipher is None:
            return plaintext
        return self._cipher.encrypt(self._next(), plaintext, associated)

    def decrypt(self, ciphertext: bytes, associated: bytes = _EMPTY) -> bytes:
        """The plaintext. Raises DecryptionFailed; then no nonce is used."""
        if self._cipher is None:
            return ciphertext
        before = self._nonce
        try:
            return self._cipher.decrypt(self._next(), ciphertext, associated)
        except InvalidTag:
            self._nonce = before
            raise DecryptionFailed(
                f"noise: record {before} of {len(ciphertext)} bytes does not open: it was altered, "
                "replayed or written with another key"
            ) from None

    def _next(self) -> bytes:
        if self._nonce > MAX_NONCE:
            raise LocalProtocolError("noise: the nonces of this key are used up; connect again")
        nonce = bytes(4) + self._nonce.to_bytes(8, "little")
        self._nonce += 1
        return nonce


@dataclass(frozen=True, slots=True)
class Transport:
    """What a finished handshake gives: a cipher for each way, and the hash both sides share."""

    sending: CipherState
    receiving: CipherState
    handshake_hash: bytes
    remote_static: bytes


class NoiseHandshake:
    """One side of the XX handshake. Messages alternate, the initiator's is the first."""

    def __init__(
        self,
        *,
        is_initiator: bool,
        static: KeyPair,
        ephemeral: KeyPair,
        prologue: bytes = _EMPTY,
    ) -> None:
        """`ephemeral` must come from a random source and serve this one handshake."""
        self._is_initiator = is_initiator
        self._static = static
        self._ephemeral = ephemeral
        self._remote_static: bytes | None = None
        self._remote_ephemeral: bytes | None = None
        self._hash = PROTOCOL_NAME
        self._chaining_key = PROTOCOL_NAME
        self._cipher = CipherState()
        self._done = 0
        self._failed = False
        self._mix_hash(prologue)

    @property
    def is_writing(self) -> bool:
        """Whether the next message is ours to write."""
        return not self.is_complete and (self._done % 2 == 0) is self._is_initiator

    @property
    def is_complete(self) -> bool:
        """Whether all three messages have gone."""
        return self._done == len(_MESSAGES)

    def write(self, payload: bytes = _EMPTY) -> bytes:
        """The next message, with a payload that is encrypted from the second message on.

        Raises LocalProtocolError out of turn or for a message that would be too long.
        """
        self._require(is_writing=True)
        message = b""
        for part in _MESSAGES[self._done]:
            if part == "e":
                self._mix_hash(self._ephemeral.public)
                message += self._ephemeral.public
            elif part == "s":
                message += self._seal(self._static.public)
            else:
                self._mix_key(self._agree(part))
        message += self._seal(payload)
        if len(message) > MAX_MESSAGE_BYTES:
            raise LocalProtocolError(f"noise: {len(message)} bytes, {MAX_MESSAGE_BYTES} at most")
        self._done += 1
        return message

    def read(self, message: bytes) -> bytes:
        """The payload of the peer's next message. Raises RemoteProtocolError; then all is over."""
        self._require(is_writing=False)
        try:
            return self._read(message)
        except RemoteProtocolError:
            self._failed = True
            raise

    def _read(self, message: bytes) -> bytes:
        rest = message
        for part in _MESSAGES[self._done]:
            if part == "e":
                key, rest = _cut(rest, KEY_BYTES, "the ephemeral key")
                self._remote_ephemeral = key
                self._mix_hash(key)
            elif part == "s":
                sealed, rest = _cut(rest, KEY_BYTES + TAG_BYTES, "the static key")
                self._remote_static = self._open(sealed)
            else:
                self._mix_key(self._agree(part))
        if self._cipher.has_key and len(rest) < TAG_BYTES:
            raise RemoteProtocolError(
                f"noise: message {self._done + 1} ends {TAG_BYTES - len(rest)} bytes too early"
            )
        payload = self._open(rest)
        self._done += 1
        return payload

    def split(self) -> Transport:
        """The keys of the session. Raises LocalProtocolError before the last message."""
        if not self.is_complete or self._remote_static is None:
            raise LocalProtocolError(f"noise: {self._done} of {len(_MESSAGES)} messages have gone")
        first, second = (CipherState(key) for key in _derive(self._chaining_key, _EMPTY))
        sending, receiving = (first, second) if self._is_initiator else (second, first)
        return Transport(sending, receiving, self._hash, self._remote_static)

    def _require(self, *, is_writing: bool) -> None:
        if self._failed or self.is_complete or self.is_writing is not is_writing:
            raise LocalProtocolError(
                f"noise: cannot {'write' if is_writing else 'read'} after {self._done} messages"
                + (" and a failure" if self._failed else "")
            )

    def _agree(self, part: str) -> bytes:
        """The Diffie-Hellman of a token: the first letter is the initiator's key."""
        ours, theirs = part[0], part[1]
        if not self._is_initiator:
            ours, theirs = theirs, ours
        pair = self._ephemeral if ours == "e" else self._static
        public = self._remote_ephemeral if theirs == "e" else self._remote_static
        assert public is not None  # noqa: S101 - the pattern sends keys before it uses them
        return _shared(pair, public)

    def _mix_hash(self, data: bytes) -> None:
        self._hash = hashlib.sha256(self._hash + data).digest()

    def _mix_key(self, material: bytes) -> None:
        self._chaining_key, key = _derive(self._chaining_key, material)
        self._cipher = CipherState(key)

    def _seal(self, plaintext: bytes) -> bytes:
        sealed = self._cipher.encrypt(plaintext, self._hash)
        self._mix_hash(sealed)
        return sealed

    def _open(self, sealed: bytes) -> bytes:
        plaintext = self._cipher.decrypt(sealed, self._hash)
        self._mix_hash(sealed)
        return plaintext


def _cut(data: bytes, size: int, what: str) -> tuple[bytes, bytes]:
    if len(data) < size:
        raise RemoteProtocolError(f"noise: {len(data)} bytes, {what} alone has {size}")
    return data[:size], data[size:]
