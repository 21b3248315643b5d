"""Blobs: 130,044 bytes of batcher data in the 4,096 field elements of an EIP-4844 blob.

Four field elements carry 127 bytes in a round: 31 bytes each in their low bytes, and three more
bytes (x, y, z) spread over the low six bits of their first bytes; 1,024 rounds make a blob.

    bytes carried = version 0 ++ length (u24) ++ data ++ zeros up to 130,048
    round         = 31 bytes, x, 31 bytes, y, 31 bytes, z, 31 bytes
    first bytes   = x[5:0] | x[7:6] y[3:0] | z[5:0] | z[7:6] y[7:4]

Source: OP Stack specs, protocol/ecotone/derivation.md, "Blob Encoding"; EIP-4844 for the hashes.
Loads the KZG trusted setup, for itself and for `rollup/da`. Knows nothing of frames.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Final

import ckzg

from chain.errors import DecodeError, EncodeError, StemmaError
from chain.types import Hash32

BLOB_BYTES: Final = 131_072
BLOB_CAPACITY_BYTES: Final = 130_044
"""Most data that one blob carries: 4,096 * 31.75 bytes less version and length."""

_ENCODING_VERSION: Final = 0
_ROUNDS: Final = 1024
_ROUND_BYTES: Final = 127
_ELEMENT_BYTES: Final = 32
_HEADER_BYTES: Final = 4
_LOW_SIX_BITS: Final = 0x3F

_VERSIONED_HASH_VERSION_KZG: Final = b"\x01"
_TRUSTED_SETUP_SHA256: Final = "d39b9f2d047cc9dca2de58f264b6a09448ccd34db967881a6713eacacf0f26b7"
# The ckzg wheel carries no setup, py-evm's does. Read as a file: nothing of it is imported.
_TRUSTED_SETUP_PACKAGE: Final = "eth"
_TRUSTED_SETUP_FILE: Final = "_utils/kzg_trusted_setup.txt"


class TrustedSetupError(StemmaError):
    """The KZG trusted setup is not installed, or is not the one of Ethereum mainnet."""


def encode_blob(data: bytes) -> bytes:
    """Pack data into one blob. Raises EncodeError when it is longer than BLOB_CAPACITY_BYTES."""
    if len(data) > BLOB_CAPACITY_BYTES:
        raise EncodeError(f"blob: {len(data)} bytes of data, at most {BLOB_CAPACITY_BYTES} fit")
    header = bytes((_ENCODING_VERSION,)) + len(data).to_bytes(3, "big")
    carried = header + data
    blob = bytearray(BLOB_BYTES)
    used_rounds = -(-len(carried) // _ROUND_BYTES)
    for index in range(used_rounds):
        block = carried[index * _ROUND_BYTES : (index + 1) * _ROUND_BYTES].ljust(
            _ROUND_BYTES, b"\0"
        )
        x, y, z = block[31], block[63], block[95]
        start = index * 4 * _ELEMENT_BYTES
        blob[start : start + 4 * _ELEMENT_BYTES] = b"".join(
            (
                bytes((x & _LOW_SIX_BITS,)),
                block[:31],
                bytes(((x & 0xC0) >> 2 | y & 0x0F,)),
                block[32:63],
                bytes((z & _LOW_SIX_BITS,)),
                block[64:95],
                bytes(((z & 0xC0) >> 2 | y >> 4,)),
                block[96:],
            )
        )
    return bytes(blob)


def decode_blob(blob: bytes) -> bytes:
    """Unpack the data of one blob; only the one encoding that encode_blob gives is taken.

    Raises DecodeError on a wrong size, version or length, on a field element whose top two bits
    are set, and on anything but zeros after the data.
    """
    if len(blob) != BLOB_BYTES:
        raise DecodeError(f"blob: expected {BLOB_BYTES} bytes, got {len(blob)}")
    if blob[1] != _ENCODING_VERSION:
        raise DecodeError(f"blob: encoding version {blob[1]}, only {_ENCODING_VERSION} is known")
    length = int.from_bytes(blob[2:5], "big")
    if length > BLOB_CAPACITY_BYTES:
        raise DecodeError(f"blob: declares {length} bytes, at most {BLOB_CAPACITY_BYTES} fit")
    used_rounds = -(-(length + _HEADER_BYTES) // _ROUND_BYTES)
    carried = b"".join(_decode_round(blob, index) for index in range(used_rounds))
    data = carried[_HEADER_BYTES : _HEADER_BYTES + length]
    # Every carried bit has one place, so unused bits and trailing data show up as a difference.
    if encode_blob(data) != blob:
        raise DecodeError("blob: bits are set outside of the encoded data")
    return data


def _decode_round(blob: bytes, index: int) -> bytes:
    start = index * 4 * _ELEMENT_BYTES
    a, b, c, d = (blob[start + offset] for offset in (0, 32, 64, 96))
    x = a & _LOW_SIX_BITS | (b & 0x30) << 2
    y = b & 0x0F | (d & 0x0F) << 4
    z = c & _LOW_SIX_BITS | (d & 0x30) << 2
    return b"".join(
        (
            blob[start + 1 : start + 32],
            bytes((x,)),
            blob[start + 33 : start + 64],
            bytes((y,)),
            blob[start + 65 : start + 96],
            bytes((z,)),
            blob[start + 97 : start + 128],
        )
    )


def blob_commitment(blob: bytes) -> bytes:
    """KZG commitment (48 bytes) of a blob; about 40 ms. Raises DecodeError on a bad element."""
    try:
        return bytes(ckzg.blob_to_kzg_commitment(blob, trusted_setup()))
    except (RuntimeError, ValueError) as error:
        raise DecodeError(f"blob: no commitment: {error}") from error


def blob_proof(blob: bytes, commitment: bytes) -> bytes:
    """KZG proof (48 bytes) that the commitment is the blob's; EIP-4844's network form."""
    try:
        return bytes(ckzg.compute_blob_kzg_proof(blob, commitment, trusted_setup()))
    except (RuntimeError, ValueError) as error:
        raise DecodeError(f"blob: no proof: {error}") from error


def blob_cell_proofs(blob: bytes) -> tuple[bytes, ...]:
    """The 128 cell proofs of a blob, which EIP-7594's network form carries; about 200 ms."""
    try:
        _, proofs = ckzg.compute_cells_and_kzg_proofs(blob, trusted_setup())
    except (RuntimeError, ValueError) as error:
        raise DecodeError(f"blob: no cell proofs: {error}") from error
    return tuple(bytes(proof) for proof in proofs)


def is_valid_blob_proof(blob: bytes, commitment: bytes, proof: bytes) -> bool:
    """Whether proof shows that commitment is the blob's; malformed input is simply not valid."""
    try:
        return bool(ckzg.verify_blob_kzg_proof(blob, commitment, proof, trusted_setup()))
    except (RuntimeError, ValueError):
        return False


def versioned_hash(commitment: bytes) -> Hash32:
    """The hash by which an L1 transaction names a blob (EIP-4844, kzg_to_versioned_hash)."""
    return Hash32(_VERSIONED_HASH_VERSION_KZG + hashlib.sha256(commitment).digest()[1:])


def blob_versioned_hash(blob: bytes) -> Hash32:
    """The versioned hash of a blob's own commitment. Raises DecodeError on a bad element."""
    return versioned_hash(blob_commitment(blob))


_LOADED: list[Any] = []
_LOADING: Final = Lock()


def trusted_setup(precompute: int = 0) -> Any:  # noqa: ANN401 - an opaque object of ckzg
    """The KZG trusted setup of Ethereum, read and checked when it is first asked for.

    The first caller decides on the tables: `precompute` 0 loads in 1.4 s, 8 in 2.2 s and then
    commits and proves in half the time (EIP-7594's FK20 tables). Raises TrustedSetupError.
    """
    with _LOADING:
        if not _LOADED:
            _LOADED.append(ckzg.load_trusted_setup(str(_checked_setup_file()), precompute))
        return _LOADED[0]


def _checked_setup_file() -> Path:
    package = find_spec(_TRUSTED_SETUP_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise TrustedSetupError(
            f"KZG trusted setup: package {_TRUSTED_SETUP_PACKAGE!r}, which carries it, is missing"
        )
    path = Path(package.submodule_search_locations[0]) / _TRUSTED_SETUP_FILE
    if not path.is_file():
        raise TrustedSetupError(f"KZG trusted setup: no file {path}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != _TRUSTED_SETUP_SHA256:
        raise TrustedSetupError(
            f"KZG trusted setup: {path} has sha256 {digest}, expected {_TRUSTED_SETUP_SHA256}"
        )
    return path
