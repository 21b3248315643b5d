"""The rules of derivation by name: what becomes of what L1 says, and which section says so.

Every stage that takes, keeps or drops something names one of these rules; logs, `stemma derive
--explain` and docs/protocol/derivation.md use the same names. Knows nothing of bytes.
Source: OP Stack specs, protocol/; each rule names its page and section.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Outcome(Enum):
    """What a rule does with what it is applied to."""

    TAKEN = "taken"
    KEPT = "kept for later"
    SKIPPED = "skipped"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class _Text:
    outcome: Outcome
    says: str
    source: str


_DERIVATION: Final = "derivation.md, "
_HOLOCENE: Final = "holocene/derivation.md, "
_INBOX: Final = "docs/protocol/batch-inbox.md, "
_SPAN: Final = "delta/span-batches.md, Batch Queue"
_TAKEN, _KEPT, _SKIPPED, _DROPPED = Outcome.TAKEN, Outcome.KEPT, Outcome.SKIPPED, Outcome.DROPPED


class Rule(Enum):
    """A rule; `outcome` is what it does, `says` is it in words, `source` where it stands."""

    # -- L1 retrieval
    WRONG_SENDER = _Text(
        _DROPPED,
        "to the inbox, but not signed by the batcher of the system config",
        _DERIVATION + "L1 Retrieval",
    )
    WRONG_TYPE = _Text(
        _DROPPED,
        "a batcher transaction is of type 0 to 3 or 0x7E",
        "isthmus/derivation.md, Activation",
    )
    BLOB_CALLDATA = _Text(
        _SKIPPED,
        "the calldata of a blob transaction means nothing",
        "ecotone/derivation.md, Retrieval",
    )
    BLOB_ENCODING = _Text(
        _DROPPED,
        "a blob in another encoding is passed over",
        "ecotone/derivation.md, Blob Encoding",
    )
    # -- data with the DA committee
    CERTIFICATE_INVALID = _Text(
        _DROPPED,
        "a certificate counts when a quorum of the committee signed it",
        "experimental/alt-da.md, Input Commitment Submission",
    )
    CERTIFICATE_STALE = _Text(
        _DROPPED,
        "a certificate counts within the recency window of its reference block",
        "experimental/alt-da.md, Input Commitment Submission",
    )
    CERTIFICATE_TAKEN = _Text(
        _TAKEN,
        "the certified blob is here and gives its payload",
        "experimental/alt-da.md, Derivation",
    )
    # -- data behind a hash
    COMMITMENT_TAKEN = _Text(
        _TAKEN,
        "the data of the commitment are here",
        "experimental/alt-da.md, Derivation",
    )
    COMMITMENT_RESOLVED = _Text(
        _TAKEN,
        "the commitment was challenged, and its data came to L1 in time",
        "experimental/alt-da.md, Derivation",
    )
    COMMITMENT_EXPIRED = _Text(
        _DROPPED,
        "a challenged commitment counts when its data come to L1 in time",
        "experimental/alt-da.md, Derivation",
    )
    COMMITMENT_TOO_LARGE = _Text(
        _DROPPED,
        "data behind a hash have 130,672 bytes at most, or they could not be shown on L1",
        "experimental/alt-da.md, Derivation",
    )
    # -- batch inbox
    ITEM_VERSION = _Text(
        _DROPPED,
        "an item of a batch inbox is of version 2, and not too long",
        _INBOX + "Items",
    )
    ITEM_UNREADABLE = _Text(
        _DROPPED,
        "the first batch that cannot be read ends its item",
        _INBOX + "Items",
    )
    # -- frame queue
    DATA_VERSION = _Text(
        _DROPPED,
        "the first byte of batcher data is 0",
        _DERIVATION + "Batcher Transaction Format",
    )
    COMMITMENT = _Text(
        _DROPPED,
        "an alt-DA commitment counts on a chain that is configured for it",
        "experimental/alt-da.md, Input Commitment Submission",
    )
    FRAME_MALFORMED = _Text(
        _DROPPED,
        "one malformed frame refuses all of the transaction's data",
        _DERIVATION + "Frame Format",
    )
    FRAME_UNORDERED = _Text(
        _DROPPED,
        "within a transaction, frames count in order and a new channel ends the open one",
        _HOLOCENE + "Frame Queue",
    )
    # -- channel bank and assembler
    FRAME_TAKEN = _Text(_TAKEN, "the frame belongs to its channel", _DERIVATION + "Loading frames")
    FRAME_OPENS = _Text(_TAKEN, "the frame opens its channel", _DERIVATION + "Loading frames")
    FRAME_OF_TIMED_OUT = _Text(_DROPPED, "its channel is timed out", _DERIVATION + "Loading frames")
    FRAME_TWICE = _Text(_DROPPED, "a frame of that number is there", _DERIVATION + "Loading frames")
    FRAME_CLOSES_TWICE = _Text(
        _DROPPED, "the channel has its closing frame", _DERIVATION + "Loading frames"
    )
    FRAME_PAST_END = _Text(
        _DROPPED, "its number is above the closing frame's", _DERIVATION + "Loading frames"
    )
    FRAME_NOT_NEXT = _Text(
        _DROPPED, "it is not the next frame of the open channel", _HOLOCENE + "Channel Bank"
    )
    CHANNEL_TIMED_OUT = _Text(
        _DROPPED, "open for longer than the channel timeout", _DERIVATION + "Timeouts"
    )
    CHANNEL_PRUNED = _Text(
        _DROPPED, "the channel bank is full and this channel the oldest", _DERIVATION + "Pruning"
    )
    CHANNEL_REPLACED = _Text(
        _DROPPED, "a first frame throws the open channel away", _HOLOCENE + "Channel Bank"
    )
    CHANNEL_TOO_LARGE = _Text(
        _DROPPED, "larger than MAX_RLP_BYTES_PER_CHANNEL", _HOLOCENE + "Channel Bank"
    )
    CHANNEL_COMPLETE = _Text(_TAKEN, "the channel is complete", _DERIVATION + "Reading")
    # -- channel reader
    CHANNEL_UNREADABLE = _Text(
        _DROPPED, "the compression is not one that counts", _DERIVATION + "Channel Format"
    )
    BATCH_UNREADABLE = _Text(
        _DROPPED,
        "the first batch that cannot be read ends its channel",
        _DERIVATION + "Channel Reader (Batch Decoding)",
    )
    SPAN_BEFORE_DELTA = _Text(
        _DROPPED,
        "a span batch counts since Delta",
        "delta/span-batches.md, Span Batch Activation Rule",
    )
    CHANNEL_FLUSHED = _Text(
        _DROPPED,
        "a bad batch takes the rest of its channel with it",
        _HOLOCENE + "Fast Channel Invalidation",
    )
    # -- batches of both kinds
    BATCH_ACCEPTED = _Text(_TAKEN, "the batch gives the next block", _DERIVATION + "Batch Queue")
    BATCH_REPLAYED = _Text(
        _SKIPPED,
        "read again only to restore the stages before",
        _DERIVATION + "Resetting the Pipeline",
    )
    BATCH_PAST = _Text(
        _SKIPPED, "all of its blocks are before the next one", _HOLOCENE + "Batch Queue"
    )
    BATCH_OLD = _Text(
        _DROPPED, "all of its blocks are before the next one", _DERIVATION + "Batch Queue"
    )
    BATCH_FUTURE = _Text(_KEPT, "its time has not come", _DERIVATION + "Batch Queue")
    BATCH_GAP = _Text(_DROPPED, "it leaves a gap: batches come in order", _HOLOCENE + "Batch Queue")
    BATCH_UNDECIDED = _Text(
        _KEPT, "an L1 block that decides is not known yet", _DERIVATION + "Batch Queue"
    )
    PARENT = _Text(
        _DROPPED, "it builds on another block than the safe head", _DERIVATION + "Batch Queue"
    )
    WINDOW_PASSED = _Text(
        _DROPPED, "included after its epoch's sequencing window", _DERIVATION + "Batch Queue"
    )
    EPOCH_OLD = _Text(_DROPPED, "its L1 origin is before its parent's", _DERIVATION + "Batch Queue")
    EPOCH_AHEAD = _Text(
        _DROPPED, "its L1 origin leaves out an L1 block", _DERIVATION + "Batch Queue"
    )
    EPOCH_HASH = _Text(
        _DROPPED, "its L1 origin is not of this L1 chain", _DERIVATION + "Batch Queue"
    )
    BEFORE_ORIGIN = _Text(
        _DROPPED, "its time is before its L1 origin's", _DERIVATION + "Batch Queue"
    )
    PAST_DRIFT = _Text(
        _DROPPED,
        "past the sequencer drift, and not empty",
        "fjord/derivation.md, Constant maximum sequencer drift",
    )
    PAST_DRIFT_NEXT_DUE = _Text(
        _DROPPED,
        "past the sequencer drift, and the next L1 origin is due",
        "fjord/derivation.md, Constant maximum sequencer drift",
    )
    ACTIVATION_NOT_EMPTY = _Text(
        _DROPPED,
        "the block that activates Jovian or a later fork has deposits only",
        "jovian/derivation.md, Activation Block Rules",
    )
    EMPTY_TRANSACTION = _Text(
        _DROPPED, "a transaction is zero bytes long", _DERIVATION + "Batch Queue"
    )
    DEPOSIT_IN_BATCH = _Text(_DROPPED, "a transaction is a deposit", _DERIVATION + "Batch Queue")
    SET_CODE_EARLY = _Text(
        _DROPPED,
        "a transaction of type 4 counts since Isthmus",
        "isthmus/derivation.md, Activation",
    )
    # -- span batches
    SPAN_ACCEPTED = _Text(_TAKEN, "the span has blocks after the safe head", _SPAN)
    SPAN_MISALIGNED = _Text(_DROPPED, "no block of the safe chain is where the span begins", _SPAN)
    SPAN_PARENT_CHECK = _Text(_DROPPED, "the parent check is not that of the block before", _SPAN)
    SPAN_ORIGIN_CHECK = _Text(_DROPPED, "the L1 origin check is not that of its last origin", _SPAN)
    SPAN_STALE_ORIGIN = _Text(
        _DROPPED, "a block after the safe head has an older L1 origin", _HOLOCENE + "Span Batches"
    )
    SPAN_OVERLAP = _Text(_DROPPED, "it says something else about a safe block", _SPAN)
    SPAN_REST = _Text(
        _DROPPED,
        "the blocks after an invalid one of the span fall with it",
        _HOLOCENE + "Span Batches",
    )
    # -- what fills in, and what is built
    EMPTY_BATCH = _Text(
        _TAKEN,
        "the sequencing window is over: an empty batch fills in",
        _DERIVATION + "Batch Queue",
    )
    PAYLOAD = _Text(
        _TAKEN, "attributes of the next block", _DERIVATION + "Deriving Payload Attributes"
    )
    DEPOSITS_ONLY = _Text(
        _DROPPED,
        "a transaction is invalid: the block gets deposits only",
        _HOLOCENE + "Engine Queue",
    )
    PAYLOAD_INVALID = _Text(
        _DROPPED,
        "a transaction is invalid: the batch is dropped, its span undone",
        _DERIVATION + "L1-sync: payload attributes processing",
    )

    @property
    def outcome(self) -> Outcome:
        """What the rule does."""
        return self.value.outcome

    @property
    def says(self) -> str:
        """The rule in words."""
        return self.value.says

    @property
    def source(self) -> str:
        """Page and section of the specs, below `protocol/` unless it names another folder."""
        return self.value.source
