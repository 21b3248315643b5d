"""Batcher data that lies with the DA committee: from the certificate on L1 to the payload.

There are exactly three ends:

    dropped   what L1 carries is no valid, recent certificate of our committee, or the blob is in
              another encoding: every verifier sees so by itself, for ever
    stalled   the certificate holds and the blob is not here: L1DataMissing, until it is
    payload   the blob is here, and it is the one that was committed to

An unavailable blob never becomes a dropped one: then verifiers would disagree by what they could
reach. The blobs that the provider has are verified against their commitments by whoever puts them
there. Source: EigenDA, docs/spec 6-secure-integration.md; OP Stack specs, experimental/alt-da.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chain.errors import DecodeError
from rollup.da.certificate import DA_LAYER, check_certificate
from rollup.da.errors import InvalidCertificate
from rollup.l1.provider import L1DataMissing
from rollup.wire.alt_da import GenericCommitment, decode_commitment
from rollup.wire.blob import decode_blob

from .journal import ByteRange, DataSource, Journal, Subject
from .rules import Rule

if TYPE_CHECKING:
    from genesis.da_committee import DaCommittee
    from rollup.l1.provider import L1Provider


class CertifiedData:
    """Reads commitments for one chain."""

    def __init__(
        self, committee: DaCommittee, l1_chain_id: int, provider: L1Provider, journal: Journal
    ) -> None:
        self._committee = committee
        self._l1_chain_id = l1_chain_id
        self._provider = provider
        self._journal = journal

    def read(self, source: DataSource, data: bytes) -> bytes | None:
        """The payload behind batcher data of version 1; None where it is dropped.

        Raises L1DataMissing, with the commitment, where it stalls.
        """
        subject = Subject(ByteRange(source, 0, len(data)))
        commitment = self._certified(source, data, subject)
        if commitment is None:
            return None
        blob = self._provider.da_blob(commitment)
        if blob is None:
            raise L1DataMissing(commitment=commitment)
        try:
            payload = decode_blob(blob)
        except DecodeError as error:
            self._journal.note(Rule.BLOB_ENCODING, subject, str(error))
            return None
        self._journal.note(Rule.CERTIFICATE_TAKEN, subject)
        return payload

    def _certified(self, source: DataSource, data: bytes, subject: Subject) -> bytes | None:
        try:
            posted = decode_commitment(data)
        except DecodeError as error:
            self._journal.note(Rule.COMMITMENT, subject, str(error))
            return None
        if not isinstance(posted, GenericCommitment) or posted.da_layer != DA_LAYER:
            self._journal.note(Rule.COMMITMENT, subject, "not of this chain's DA layer")
            return None
        try:
            certificate = check_certificate(self._committee, self._l1_chain_id, posted.payload)
        except InvalidCertificate as error:
            self._journal.note(Rule.CERTIFICATE_INVALID, subject, str(error))
            return None
        age = source.l1.number - certificate.reference_block
        if not 0 <= age <= self._committee.recency_window:
            detail = (
                f"reference block {certificate.reference_block}, included in {source.l1.number}, "
                f"window {self._committee.recency_window}"
            )
            self._journal.note(Rule.CERTIFICATE_STALE, subject, detail)
            return None
        return certificate.commitment
