"""The OP Stack's alt-DA interface over the committee: payloads in, commitments out, and back.

    put(payload)            → 0x01 ++ layer ++ certificate       (generic)
    put(payload, 0x00 hash) → the same commitment, if the hash is the payload's (keccak256)
    get(commitment)         → payload

Source: OP Stack specs, experimental/alt-da.md, "DA Server". Commitments here are without the
version byte that the batcher puts before them. Knows no sockets.
"""

from __future__ import annotations

from chain.errors import DecodeError, StemmaError
from genesis.da_committee import DaCommittee
from rollup.da.certificate import DA_LAYER, check_certificate
from rollup.da.erasure import payload_of
from rollup.wire.alt_da import (
    COMMITMENT_VERSION,
    Commitment,
    GenericCommitment,
    Keccak256Commitment,
    decode_commitment,
)

from .dispersal import Dispersal, Disperser, Retriever
from .store import CellStore

_VERSION = bytes((COMMITMENT_VERSION,))


class UnknownCommitment(StemmaError):
    """Nothing was put under that commitment here."""


class WrongCommitment(StemmaError):
    """The commitment is not one of the payload, or not one of this chain's."""


class AltDa:
    """One server's side."""

    def __init__(
        self,
        committee: DaCommittee,
        l1_chain_id: int,
        disperser: Disperser,
        retriever: Retriever,
        store: CellStore,
    ) -> None:
        """`store` keeps which certificate holds the data of a hash."""
        self._committee = committee
        self._l1_chain_id = l1_chain_id
        self._disperser = disperser
        self._retriever = retriever
        self._store = store

    async def put(self, payload: bytes, commitment: bytes = b"") -> tuple[bytes, Dispersal | None]:
        """The commitment of a payload that is dispersed by then, and how that went.

        Raises WrongCommitment, EncodeError, and what `Disperser.put` raises.
        """
        if not commitment:
            dispersal = await self._disperser.put(payload)
            return dispersal.certificate.to_commitment().encode()[1:], dispersal
        given = _parsed(commitment)
        if not isinstance(given, Keccak256Commitment) or not given.is_of(payload):
            raise WrongCommitment(f"0x{commitment.hex()[:80]} is not keccak256 of the payload")
        if self._store.certificate_of(given.hash) is not None:
            return commitment, None
        dispersal = await self._disperser.put(payload)
        self._store.remember_hash(given.hash, dispersal.certificate.encode())
        return commitment, dispersal

    async def get(self, commitment: bytes) -> bytes:
        """The payload. Raises WrongCommitment, UnknownCommitment, InvalidCertificate,
        BlobUnavailable.
        """
        given = _parsed(commitment)
        if isinstance(given, GenericCommitment):
            if given.da_layer != DA_LAYER:
                raise WrongCommitment(f"DA layer 0x{given.da_layer:02x}, this is 0x{DA_LAYER:02x}")
            return await self._payload(given.payload)
        certificate = self._store.certificate_of(given.hash)
        if certificate is None:
            raise UnknownCommitment(f"nothing was put under 0x{commitment.hex()}")
        payload = await self._payload(certificate)
        if not given.is_of(payload):
            raise WrongCommitment(f"the payload under 0x{commitment.hex()} has another hash")
        return payload

    async def _payload(self, certificate: bytes) -> bytes:
        checked = check_certificate(self._committee, self._l1_chain_id, certificate)
        return payload_of(await self._retriever.blob(checked.commitment))


def _parsed(commitment: bytes) -> Commitment:
    try:
        return decode_commitment(_VERSION + commitment)
    except DecodeError as error:
        raise WrongCommitment(str(error)) from error
