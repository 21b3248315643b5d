"""The word of a quorum that a blob's cells are stored, short enough for L1 to check.

    certificate = version 1 ++ commitment (48) ++ reference block (u64) ++ signers (u16, bit i for
                  operator i) ++ 65 bytes (r, s, v) for each signer, by number
    digest      = keccak256(domain ++ L1 chain id (32) ++ verifier (32) ++ commitment ++ reference)

Signatures are secp256k1, so that L1 recovers them for 3,000 gas each. `DACertVerifier.vy` says the
same. The reference block is the L1 head when the blob was dispersed; how old it may be on
inclusion is for derivation to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from chain.crypto.keccak import keccak256
from chain.crypto.secp256k1 import HALF_CURVE_ORDER, InvalidSignature, Signature, recover, sign
from chain.errors import DecodeError
from genesis.da_committee import MAX_OPERATORS
from rollup.wire.alt_da import GenericCommitment

from .commitment import COMMITMENT_BYTES
from .errors import InvalidCertificate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chain.types import Address, Hash32
    from genesis.da_committee import DaCommittee

DA_LAYER: Final = 0x73
"""Our byte among the layers of generic alt-DA commitments."""
CERTIFICATE_VERSION: Final = 1
_DOMAIN: Final = keccak256(b"stemma DA certificate v1")
_SIGNATURE_BYTES: Final = 65
_HEAD_BYTES: Final = 1 + COMMITMENT_BYTES + 8 + 2
_MAX_U64: Final = (1 << 64) - 1


class CertificateStatus(IntEnum):
    """What `checkDACert` answers; 1 is yes, as in EigenDA."""

    SUCCESS = 1
    MALFORMED = 2
    WRONG_SIGNATURE = 3
    NO_QUORUM = 4


@dataclass(frozen=True, slots=True)
class Certificate:
    """A blob's commitment, the L1 block number it refers to, and who signed, by operator number."""

    commitment: bytes
    reference_block: int
    signatures: tuple[tuple[int, bytes], ...]

    def encode(self) -> bytes:
        """The bytes that L1 carries and checks."""
        signers = sum(1 << index for index, _ in self.signatures)
        return b"".join(
            (
                bytes((CERTIFICATE_VERSION,)),
                self.commitment,
                self.reference_block.to_bytes(8, "big"),
                signers.to_bytes(2, "big"),
                *(signature for _, signature in self.signatures),
            )
        )

    @staticmethod
    def decode(data: bytes) -> Certificate:
        """Read a certificate; whether it holds is another question. Raises DecodeError."""
        if len(data) < _HEAD_BYTES or data[0] != CERTIFICATE_VERSION:
            raise DecodeError(
                f"certificate: {len(data)} bytes of version 0x{data[:1].hex()}; expected version "
                f"{CERTIFICATE_VERSION} and {_HEAD_BYTES} bytes at least"
            )
        signers = int.from_bytes(data[57:59], "big")
        expected = _HEAD_BYTES + _SIGNATURE_BYTES * signers.bit_count()
        if len(data) != expected:
            raise DecodeError(f"certificate: {len(data)} bytes, its signers need {expected}")
        indices = [index for index in range(MAX_OPERATORS) if signers >> index & 1]
        starts = range(_HEAD_BYTES, expected, _SIGNATURE_BYTES)
        return Certificate(
            data[1:49],
            int.from_bytes(data[49:57], "big"),
            tuple(
                (index, data[start : start + _SIGNATURE_BYTES])
                for index, start in zip(indices, starts, strict=True)
            ),
        )

    def to_commitment(self) -> GenericCommitment:
        """The alt-DA commitment that the batcher posts."""
        return GenericCommitment(DA_LAYER, self.encode())


def certificate_digest(
    committee: DaCommittee, l1_chain_id: int, commitment: bytes, reference_block: int
) -> Hash32:
    """What operators sign. Raises InvalidCertificate on values that do not fit."""
    if len(commitment) != COMMITMENT_BYTES or not 0 <= reference_block <= _MAX_U64:
        raise InvalidCertificate(
            f"commitment of {len(commitment)} bytes at L1 block {reference_block}"
        )
    return keccak256(
        _DOMAIN
        + l1_chain_id.to_bytes(32, "big")
        + committee.verifier.rjust(32, b"\0")
        + commitment
        + reference_block.to_bytes(8, "big")
    )


def sign_certificate(digest: Hash32, key: bytes) -> bytes:
    """An operator's 65 bytes r, s, v."""
    return sign(digest, key).to_bytes()


def make_certificate(
    committee: DaCommittee,
    l1_chain_id: int,
    commitment: bytes,
    reference_block: int,
    signatures: Mapping[int, bytes],
) -> Certificate:
    """A certificate of these signatures by operator number. Raises InvalidCertificate."""
    listed = tuple(sorted(signatures.items()))
    certificate = Certificate(commitment, reference_block, listed)
    check_certificate(committee, l1_chain_id, certificate.encode())
    return certificate


def certificate_status(
    committee: DaCommittee, l1_chain_id: int, data: bytes
) -> tuple[CertificateStatus, str]:
    """What `checkDACert` answers for these bytes, and why."""
    try:
        certificate = Certificate.decode(data)
    except DecodeError as error:
        return CertificateStatus.MALFORMED, str(error)
    digest = certificate_digest(
        committee, l1_chain_id, certificate.commitment, certificate.reference_block
    )
    stake = 0
    for index, signature in certificate.signatures:
        if index >= len(committee.operators):
            return CertificateStatus.MALFORMED, f"certificate: there is no operator {index}"
        operator = committee.operators[index]
        if signer_of(digest, signature) != operator.signer:
            return CertificateStatus.WRONG_SIGNATURE, f"certificate: operator {index} did not sign"
        stake += operator.stake
    if not committee.is_quorum(stake):
        return CertificateStatus.NO_QUORUM, (
            f"certificate: signed by {stake} of {committee.total_stake} stake, "
            f"{committee.confirmation_percent} % are needed"
        )
    return CertificateStatus.SUCCESS, ""


def check_certificate(committee: DaCommittee, l1_chain_id: int, data: bytes) -> Certificate:
    """The certificate in these bytes, if a quorum signed it. Raises InvalidCertificate."""
    status, reason = certificate_status(committee, l1_chain_id, data)
    if status is not CertificateStatus.SUCCESS:
        raise InvalidCertificate(reason)
    return Certificate.decode(data)


def signer_of(digest: Hash32, signature: bytes) -> Address | None:
    """Who signed; None where the 65 bytes are no signature: v is 27 or 28, s in the lower half."""
    if len(signature) != _SIGNATURE_BYTES or signature[64] not in (27, 28):
        return None
    try:
        parsed = Signature.from_bytes(signature)
        if parsed.s > HALF_CURVE_ORDER:
            return None
        return recover(digest, parsed)
    except (DecodeError, InvalidSignature):
        return None
