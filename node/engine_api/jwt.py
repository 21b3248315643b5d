"""Tokens that prove knowledge of a shared secret: JWT with HMAC-SHA-256 and an issue time.

Time is an argument. Source: execution-apis src/engine/authentication.md; RFC 7519, RFC 7515.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path

from chain.errors import StemmaError

from .. import json_text

SECRET_BYTES = 32
TOLERANCE_S = 60
_HEADER = {"alg": "HS256", "typ": "JWT"}
_LONGEST_TOKEN = 8_192


class BadSecret(StemmaError):
    """The file of the shared secret does not hold 32 bytes of hex."""


class TokenRefused(StemmaError):
    """A request without a token, or with one that proves nothing now."""


def read_secret(path: Path) -> bytes:
    """The secret in a file: 64 hex digits, with or without 0x. Raises BadSecret."""
    try:
        text = path.read_text().strip().removeprefix("0x")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSecret(f"{path}: {error}") from error
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise BadSecret(f"{path}: expected {2 * SECRET_BYTES} hex digits, got {len(text)}")
    return secret


def read_or_make_secret(path: Path) -> bytes:
    """The secret in a file; a new one, readable by its owner only, where there is none yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
    return read_secret(path)


def make_token(secret: bytes, now: float) -> str:
    """A token issued at a time in seconds."""
    signed = f"{_encode_part(_HEADER)}.{_encode_part({'iat': int(now)})}"
    return f"{signed}.{_base64(_sign(secret, signed))}"


def check_token(secret: bytes, token: str, now: float) -> None:
    """Accept a token of this secret that was issued within a minute of now.

    Raises TokenRefused with the reason, which never holds anything secret.
    """
    parts = token.split(".")
    if len(token) > _LONGEST_TOKEN or len(parts) != 3:
        raise TokenRefused("not a JSON web token")
    header, claims = _decode_part(parts[0]), _decode_part(parts[1])
    if header.get("alg") != "HS256":
        raise TokenRefused(f"algorithm {str(header.get('alg'))[:20]!r}, only HS256 is taken")
    expected = _sign(secret, f"{parts[0]}.{parts[1]}")
    if not hmac.compare_digest(expected, _unbase64(parts[2])):
        raise TokenRefused("the signature is not by the shared secret")
    issued = _time(claims, "iat")
    if issued is None:
        raise TokenRefused("iat (issued at) is missing")
    if abs(now - issued) > TOLERANCE_S:
        raise TokenRefused(f"issued {now - issued:+.0f} s ago, at most {TOLERANCE_S} s are taken")
    expires = _time(claims, "exp")
    if expires is not None and expires < now:
        raise TokenRefused("the token is expired")


def bearer_check(secret: bytes, authorization: str | None, now: float) -> str | None:
    """Why an Authorization header is refused; None where it is good."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return "missing token: Authorization: Bearer <JWT> is required"
    try:
        check_token(secret, token.strip(), now)
    except TokenRefused as error:
        return str(error)
    return None


def _time(claims: dict[str, object], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TokenRefused(f"{name} is not a number")
    return value


def _sign(secret: bytes, signed: str) -> bytes:
    return hmac.new(secret, signed.encode("ascii", "replace"), hashlib.sha256).digest()


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TokenRefused("not base64url") from error


def _encode_part(value: object) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _decode_part(text: str) -> dict[str, object]:
    try:
        value = json_text.parse(_unbase64(text))
    except ValueError as error:
        raise TokenRefused("header or claims are not JSON") from error
    if not isinstance(value, dict):
        raise TokenRefused("header or claims are not an object")
    return value
