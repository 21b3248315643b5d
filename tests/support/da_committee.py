"""Committees with their keys, for tests of certificates, stores and derivation."""

from __future__ import annotations

from collections.abc import Sequence

from chain.crypto import ed25519
from chain.crypto.secp256k1 import address_of
from chain.types import Address
from genesis.da_committee import DaCommittee, DaOperator
from rollup.da.certificate import (
    Certificate,
    certificate_digest,
    make_certificate,
    sign_certificate,
)

L1_CHAIN_ID = 901
VERIFIER = Address(b"\xda" * 20)


def signer_key(index: int) -> bytes:
    """The secp256k1 key of an operator."""
    return bytes([index + 1]) * 32


def identity_seed(index: int) -> bytes:
    """The Ed25519 seed of an operator."""
    return bytes([0x80 + index]) * 32


def make_committee(
    stakes: Sequence[int],
    *,
    verifier: Address = VERIFIER,
    custody_groups: int = 64,
    **thresholds: int,
) -> DaCommittee:
    """A committee whose operators have these stakes."""
    return DaCommittee(
        verifier,
        tuple(
            DaOperator(
                address_of(signer_key(index)),
                ed25519.public_key_of(identity_seed(index)),
                stake,
                custody_groups,
            )
            for index, stake in enumerate(stakes)
        ),
        **thresholds,
    )


def signatures_of(
    committee: DaCommittee,
    commitment: bytes,
    reference_block: int,
    signers: Sequence[int],
    l1_chain_id: int = L1_CHAIN_ID,
) -> dict[int, bytes]:
    """What these operators sign."""
    digest = certificate_digest(committee, l1_chain_id, commitment, reference_block)
    return {index: sign_certificate(digest, signer_key(index)) for index in signers}


def certify(
    committee: DaCommittee,
    commitment: bytes,
    reference_block: int,
    signers: Sequence[int],
    l1_chain_id: int = L1_CHAIN_ID,
) -> Certificate:
    """A certificate that these operators signed; they have to be a quorum."""
    signatures = signatures_of(committee, commitment, reference_block, signers, l1_chain_id)
    return make_certificate(committee, l1_chain_id, commitment, reference_block, signatures)
