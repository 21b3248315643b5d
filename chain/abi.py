"""The contract ABI: how calls, results and events lay out their values (Solidity ABI, version 2).

Our own codec: type strings are compiled once to small objects, decoding takes time linear in the
data whatever its offsets say, and every failure is a DecodeError (or EncodeError) that names the
type. Knows nothing of any one contract. Types: uintN, intN, address, bool, bytesN, bytes, string,
tuples in parentheses, and arrays T[] and T[k].
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from .crypto.keccak import keccak256
from .errors import DecodeError, EncodeError
from .types import ADDRESS_BYTES, Address, to_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .types import Hash32


_WORD: Final = 32
_MAX_TYPE_LENGTH: Final = 1024
_MAX_TYPE_DEPTH: Final = 16
_MAX_STATIC_BYTES: Final = 1 << 16
_ELEMENTARY: Final = re.compile(r"(uint|int|bytes)(\d+)?|address|bool|string")
_ARRAY: Final = re.compile(r"(.+)\[(\d*)\]", re.DOTALL)


class _Reader:
    """The data of one decode, with a budget that bounds its work.

    A well-formed encoding is read once from end to end; offsets that make it read the same bytes
    again and again use the budget up.
    """

    __slots__ = ("budget", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.budget = len(data)

    def take(self, start: int, size: int, what: str) -> bytes:
        end = start + size
        if end > len(self.data):
            raise DecodeError(f"abi {what}: needs bytes {start} to {end} of {len(self.data)}")
        self.budget -= size
        if self.budget < 0:
            raise DecodeError(f"abi {what}: offsets overlap, the same bytes are read twice")
        return self.data[start:end]

    def word(self, start: int, what: str) -> int:
        return int.from_bytes(self.take(start, _WORD, what), "big")


class _Type(ABC):
    """One compiled type. A dynamic type has a head of one word: the offset of its content."""

    __slots__ = ("is_dynamic", "name", "size")

    def __init__(self, name: str, *, is_dynamic: bool = False, size: int = _WORD) -> None:
        self.name = name
        self.is_dynamic = is_dynamic
        self.size = size  # bytes in the head of whatever contains it

    @abstractmethod
    def encode(self, value: object) -> bytes:
        """Write the head of a static type, the content of a dynamic one."""

    @abstractmethod
    def decode(self, reader: _Reader, start: int) -> object:
        """Read what `encode` wrote at `start`."""

    def refuse(self, value: object) -> EncodeError:
        return EncodeError(f"abi {self.name}: cannot encode {type(value).__name__} {value!r:.80}")


class _Integer(_Type):
    __slots__ = ("high", "low", "signed")

    def __init__(self, name: str, bits: int, *, signed: bool) -> None:
        super().__init__(name)
        self.signed = signed
        self.low = -(1 << (bits - 1)) if signed else 0
        self.high = (1 << (bits - 1 if signed else bits)) - 1

    def encode(self, value: object) -> bytes:
        # A bool is an int to Python, but never what a caller means by a number.
        if not isinstance(value, int) or value is True or value is False:
            raise self.refuse(value)
        if not self.low <= value <= self.high:
            raise EncodeError(f"abi {self.name}: {value} is not in {self.low} to {self.high}")
        return value.to_bytes(_WORD, "big", signed=self.signed)

    def decode(self, reader: _Reader, start: int) -> int:
        value = int.from_bytes(reader.take(start, _WORD, self.name), "big", signed=self.signed)
        if not self.low <= value <= self.high:
            raise DecodeError(f"abi {self.name}: {value:#x} is not in {self.low} to {self.high}")
        return value


class _Bool(_Type):
    __slots__ = ()

    def encode(self, value: object) -> bytes:
        if value is not True and value is not False:
            raise self.refuse(value)
        return int(value).to_bytes(_WORD, "big")

    def decode(self, reader: _Reader, start: int) -> bool:
        value = reader.word(start, self.name)
        if value > 1:
            raise DecodeError(f"abi bool: expected 0 or 1, got {value:#x}")
        return value == 1


class _Address(_Type):
    __slots__ = ()

    def encode(self, value: object) -> bytes:
        if isinstance(value, str):
            value = to_address(value)
        if not isinstance(value, bytes) or len(value) != ADDRESS_BYTES:
            raise self.refuse(value)
        return bytes(_WORD - ADDRESS_BYTES) + value

    def decode(self, reader: _Reader, start: int) -> Address:
        word = reader.take(start, _WORD, self.name)
        if word[: _WORD - ADDRESS_BYTES] != bytes(_WORD - ADDRESS_BYTES):
            raise DecodeError(f"abi address: more than 20 bytes in 0x{word.hex()}")
        return Address(word[_WORD - ADDRESS_BYTES :])


class _FixedBytes(_Type):
    __slots__ = ("length",)

    def __init__(self, name: str, length: int) -> None:
        super().__init__(name)
        self.length = length

    def encode(self, value: object) -> bytes:
        if not isinstance(value, bytes) or len(value) != self.length:
            raise self.refuse(value)
        return value.ljust(_WORD, b"\x00")

    def decode(self, reader: _Reader, start: int) -> bytes:
        word = reader.take(start, _WORD, self.name)
        if any(word[self.length :]):
            raise DecodeError(f"abi {self.name}: non-zero padding in 0x{word.hex()}")
        return word[: self.length]


def _put_bytes(value: bytes) -> bytes:
    return len(value).to_bytes(_WORD, "big") + value + bytes(-len(value) % _WORD)


def _take_bytes(reader: _Reader, start: int, name: str) -> bytes:
    length = reader.word(start, name)
    padded = reader.take(start + _WORD, length + -length % _WORD, name)
    if any(padded[length:]):
        raise DecodeError(f"abi {name}: non-zero padding after {length} bytes")
    return padded[:length]


class _Bytes(_Type):
    __slots__ = ()

    def __init__(self, name: str) -> None:
        super().__init__(name, is_dynamic=True)

    def encode(self, value: object) -> bytes:
        if not isinstance(value, bytes):
            raise self.refuse(value)
        return _put_bytes(value)

    def decode(self, reader: _Reader, start: int) -> bytes:
        return _take_bytes(reader, start, self.name)


class _String(_Type):
    __slots__ = ()

    def __init__(self, name: str) -> None:
        super().__init__(name, is_dynamic=True)

    def encode(self, value: object) -> bytes:
        if not isinstance(value, str):
            raise self.refuse(value)
        try:
            return _put_bytes(value.encode("utf-8"))
        except UnicodeEncodeError as error:
            raise EncodeError(f"abi string: not UTF-8: {error.reason}") from None

    def decode(self, reader: _Reader, start: int) -> str:
        try:
            return _take_bytes(reader, start, self.name).decode("utf-8")
        except UnicodeDecodeError as error:
            raise DecodeError(f"abi string: not UTF-8: {error.reason}") from None


def _encode_members(types: Sequence[_Type], values: Sequence[Any]) -> bytes:
    heads: list[bytes] = []
    tails: list[bytes] = []
    offset = sum(member.size for member in types)
    for member, value in zip(types, values, strict=True):
        encoded = member.encode(value)
        if member.is_dynamic:
            heads.append(offset.to_bytes(_WORD, "big"))
            tails.append(encoded)
            offset += len(encoded)
        else:
            heads.append(encoded)
    return b"".join(heads) + b"".join(tails)


def _decode_members(types: Sequence[_Type], reader: _Reader, base: int) -> list[Any]:
    values: list[Any] = []
    position = base
    for member in types:
        if member.is_dynamic:
            values.append(member.decode(reader, base + reader.word(position, member.name)))
        else:
            values.append(member.decode(reader, position))
        position += member.size
    return values


class _Tuple(_Type):
    __slots__ = ("members",)

    def __init__(self, name: str, members: tuple[_Type, ...]) -> None:
        is_dynamic = any(member.is_dynamic for member in members)
        size = _WORD if is_dynamic else sum(member.size for member in members)
        super().__init__(name, is_dynamic=is_dynamic, size=size)
        self.members = members

    def encode(self, value: object) -> bytes:
        if not isinstance(value, (tuple, list)):
            raise self.refuse(value)
        if len(value) != len(self.members):
            raise EncodeError(
                f"abi {self.name}: expected {len(self.members)} values, got {len(value)}"
            )
        return _encode_members(self.members, value)

    def decode(self, reader: _Reader, start: int) -> tuple[Any, ...]:
        return tuple(_decode_members(self.members, reader, start))


class _Array(_Type):
    """T[k] if length is given, else T[]. Decodes to a tuple."""

    __slots__ = ("element", "length")

    def __init__(self, name: str, element: _Type, length: int | None) -> None:
        is_dynamic = length is None or element.is_dynamic
        size = _WORD if length is None or element.is_dynamic else element.size * length
        super().__init__(name, is_dynamic=is_dynamic, size=size)
        self.element = element
        self.length = length

    def encode(self, value: object) -> bytes:
        if not isinstance(value, (tuple, list)):
            raise self.refuse(value)
        if self.length is not None and len(value) != self.length:
            raise EncodeError(f"abi {self.name}: expected {self.length} values, got {len(value)}")
        encoded = _encode_members((self.element,) * len(value), value)
        return encoded if self.length is not None else len(value).to_bytes(_WORD, "big") + encoded

    def decode(self, reader: _Reader, start: int) -> tuple[Any, ...]:
        count = self.length
        if count is None:
            count = reader.word(start, self.name)
            start += _WORD
            # Checked before anything is built: each element fills at least its head.
            if count * self.element.size > len(reader.data):
                raise DecodeError(
                    f"abi {self.name}: {count} elements in {len(reader.data)} bytes of data"
                )
        return tuple(_decode_members((self.element,) * count, reader, start))


_PLAIN_TYPES: Final[dict[str, type[_Address] | type[_Bool] | type[_String]]] = {
    "address": _Address,
    "bool": _Bool,
    "string": _String,
}


def _split_members(inner: str) -> list[str]:
    """Cut "a,(b,c),d" at the commas that no parenthesis encloses."""
    members, depth, start = [], 0, 0
    for position, char in enumerate(inner):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            members.append(inner[start:position])
            start = position + 1
    members.append(inner[start:])
    return members


def _compile_elementary(name: str) -> _Type:
    match = _ELEMENTARY.fullmatch(name)
    if match is None:
        raise DecodeError(f"abi: unknown type {name!r:.80}")
    kind, digits = match.groups()
    if kind is None:
        return _PLAIN_TYPES[name](name)
    if kind == "bytes":
        if digits is None:
            return _Bytes(name)
        if 1 <= int(digits) <= _WORD and digits[0] != "0":
            return _FixedBytes(name, int(digits))
    elif digits and digits[0] != "0" and 8 <= int(digits) <= 256 and int(digits) % 8 == 0:
        return _Integer(name, int(digits), signed=kind == "int")
    raise DecodeError(f"abi: no such width: {name!r:.80}")


def _compile(name: str, depth: int) -> _Type:
    if depth > _MAX_TYPE_DEPTH:
        raise DecodeError(f"abi: types nested more than {_MAX_TYPE_DEPTH} deep")
    compiled: _Type
    if name.endswith("]"):
        match = _ARRAY.fullmatch(name)
        if match is None:
            raise DecodeError(f"abi: malformed array type {name!r:.80}")
        element, digits = match.groups()
        # An element without bytes would let eight words of data stand for endless elements.
        if digits and (digits[0] == "0" or len(digits) > len(str(_MAX_STATIC_BYTES))):
            raise DecodeError(f"abi: array length out of range in {name!r:.80}")
        compiled = _Array(name, _compile(element, depth + 1), int(digits) if digits else None)
    elif name.startswith("(") and name.endswith(")"):
        if name == "()":
            raise DecodeError("abi: a tuple needs a member")
        members = tuple(_compile(member, depth + 1) for member in _split_members(name[1:-1]))
        compiled = _Tuple(name, members)
    else:
        compiled = _compile_elementary(name)
    if compiled.size > _MAX_STATIC_BYTES:
        raise DecodeError(f"abi: {name!r:.80} is larger than {_MAX_STATIC_BYTES} bytes")
    return compiled


@lru_cache(maxsize=1024)
def _compile_all(types: tuple[str, ...]) -> tuple[_Type, ...]:
    for name in types:
        if len(name) > _MAX_TYPE_LENGTH:
            raise DecodeError(f"abi: type of {len(name)} characters, limit {_MAX_TYPE_LENGTH}")
    return tuple(_compile(name, 0) for name in types)


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """Encode values as the arguments of a call or of `abi.encode`.

    Addresses are 20 bytes or hex strings, bytes are `bytes`, tuples and arrays are tuples or lists.
    Raises EncodeError for a value that does not fit its type, DecodeError for an unknown type.
    """
    compiled = _compile_all(tuple(types))
    if len(values) != len(compiled):
        raise EncodeError(f"abi: expected {len(compiled)} values, got {len(values)}")
    return _encode_members(compiled, values)


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """Decode the values that `encode` laid out; arrays and tuples come back as tuples.

    Out-of-range numbers, non-zero padding, broken UTF-8 and offsets outside the data raise
    DecodeError. Bytes after the last value are ignored, as Solidity does. Time and memory are
    linear in the data.
    """
    compiled = _compile_all(tuple(types))
    return tuple(_decode_members(compiled, _Reader(data), 0))


@lru_cache(maxsize=4096)
def selector(signature: str) -> bytes:
    """First four bytes of the hash of a function signature such as "transfer(address,uint256)"."""
    return keccak256(signature.encode("ascii"))[:4]


@lru_cache(maxsize=4096)
def event_topic(signature: str) -> Hash32:
    """Topic 0 of an event: the hash of its signature, without parameter names or `indexed`."""
    return keccak256(signature.encode("ascii"))
