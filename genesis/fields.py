"""Strict reading of configuration JSON: each value checked where it is read, each error names it.

Knows JSON values and the few forms in which Ethereum tools write numbers and bytes; knows nothing
of what the fields mean.
"""

from __future__ import annotations

from collections.abc import Mapping

from chain.errors import DecodeError
from chain.types import Address, Hash32, to_address, to_hash32


class ConfigError(DecodeError):
    """A configuration file or value is malformed or contradicts itself."""


def parse_integer(value: object, where: str, *, bits: int = 64) -> int:
    """An unsigned integer of at most `bits` bits, from a JSON number, "0x…" or decimal text.

    geth and op-node write some quantities as numbers and others as hex text; both are read.
    Raises ConfigError.
    """
    number: int
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and value.isascii():
        try:
            number = int(value, 16 if value[:2].lower() == "0x" else 10)
        except ValueError:
            raise ConfigError(f"{where}: not a number: {value!r}") from None
    else:
        raise ConfigError(f"{where}: expected a number, got {value!r}")
    if not 0 <= number < 1 << bits:
        raise ConfigError(f"{where}: {number} is outside 0..2^{bits}-1")
    return number


def parse_bytes(value: object, where: str) -> bytes:
    """Bytes from "0x…" text. Raises ConfigError."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ConfigError(f"{where}: expected 0x-prefixed hex, got {value!r}")
    try:
        return bytes.fromhex(value[2:])
    except ValueError:
        raise ConfigError(f"{where}: not hex: {value!r}") from None


class Fields:
    """One JSON object with its place in the file, so that errors can say where."""

    __slots__ = ("_values", "where")

    def __init__(self, values: object, where: str) -> None:
        if not isinstance(values, Mapping):
            raise ConfigError(f"{where}: expected an object, got {type(values).__name__}")
        self._values = values
        self.where = where

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def names(self) -> list[str]:
        """The keys present, null values included."""
        return [str(key) for key in self._values]

    def raw(self, key: str) -> object:
        """The value as JSON gave it; raises ConfigError where it is absent or null."""
        if key not in self:
            raise ConfigError(f"{self.where}: {key} is missing")
        return self._values[key]

    def integer(self, key: str, *, bits: int = 64, default: int | None = None) -> int:
        """An unsigned integer; `default` where the key is absent or null."""
        if default is not None and key not in self:
            return default
        return parse_integer(self.raw(key), f"{self.where}: {key}", bits=bits)

    def optional_integer(self, key: str, *, bits: int = 64) -> int | None:
        """An unsigned integer or None where the key is absent or null."""
        if key not in self:
            return None
        return parse_integer(self.raw(key), f"{self.where}: {key}", bits=bits)

    def data(self, key: str, *, size: int | None = None, default: bytes | None = None) -> bytes:
        """Bytes, of exactly `size` if it is given."""
        if default is not None and key not in self:
            return default
        value = parse_bytes(self.raw(key), f"{self.where}: {key}")
        if size is not None and len(value) != size:
            raise ConfigError(f"{self.where}: {key}: expected {size} bytes, got {len(value)}")
        return value

    def word(self, key: str, *, default: bytes | None = None) -> bytes:
        """Up to 32 bytes, left-padded to 32: some tools write `0x0` for an empty word."""
        if default is not None and key not in self:
            return default
        return parse_integer(self.raw(key), f"{self.where}: {key}", bits=256).to_bytes(32, "big")

    def address(self, key: str, *, default: Address | None = None) -> Address:
        """A 20-byte address."""
        if default is not None and key not in self:
            return default
        return to_address(self.data(key, size=20))

    def optional_address(self, key: str) -> Address | None:
        """Read an address that may be absent or null. Raises ConfigError."""
        return self.address(key) if key in self else None

    def hash32(self, key: str, *, default: Hash32 | None = None) -> Hash32:
        """A 32-byte hash."""
        if default is not None and key not in self:
            return default
        return to_hash32(self.data(key, size=32))

    def boolean(self, key: str) -> bool:
        """A JSON boolean."""
        value = self.raw(key)
        if not isinstance(value, bool):
            raise ConfigError(f"{self.where}.{key}: expected true or false, got {value!r}")
        return value

    def text(self, key: str) -> str:
        """A string."""
        value = self.raw(key)
        if not isinstance(value, str):
            raise ConfigError(f"{self.where}: {key}: expected text, got {value!r}")
        return value

    def child(self, key: str) -> Fields:
        """A nested object."""
        return Fields(self.raw(key), f"{self.where}.{key}")
