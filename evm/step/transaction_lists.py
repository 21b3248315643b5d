"""Stages of TRANSACTION_BEGIN that read a transaction: its lists, its signature, all its bytes.

Each step reads at most about 1,024 bytes; FastLZ's eleven times as many. Nothing of the world is
touched before a transaction has been read to its end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .block_records import ChainRules, Compression, Job, Rule, Stage
from .block_work import read_data, read_job
from .fastlz_steps import EMPTY_TABLE, TABLE_BYTES, FastLz, advance, final_size, is_over
from .machine import Machine
from .names import NOTHING, Raw, is_nothing
from .ordered_trie import leaf_head
from .refusal import NotInOrder
from .rlp_items import Fields, head, number
from .streams import FRESH_CARRY, MAX_CARRY_BYTES, absorbed, digest
from .structures.words import WINDOW_BYTES, data_tree
from .transaction_fields import ADDRESS_BYTES, BLOB, DEPOSIT, LEGACY, SET_CODE

LONGEST_HEAD: Final = 64
"""An access list's entry up to its slots, or a slot."""
LONGEST_AUTHORIZATION: Final = 160
LONGEST_SIGNATURE: Final = 99
KZG_VERSION: Final = 1
NOT_COMPRESSED: Final = 163
"""FastLZ makes at most 170 bytes of so many, for which the least is paid (Fjord)."""
INLINE_LIMIT: Final = 32
PROTECTED_V: Final = 35


def read_access_list(m: Machine, job: Job) -> Job:
    """Count addresses and slots, as many as lie in one window."""
    base, piece = job.cursor, read_job(m, job, job.cursor, WINDOW_BYTES)
    reader, is_last = Fields(piece, 0), base + len(piece) == job.length
    list_end, entry_end = job.list_end, job.entry_end
    list_start, addresses, slots = job.list_start, job.addresses, job.slots
    if not list_end:
        whole = reader.header(is_list=True)
        reader.position = whole.start
        list_start, list_end = base + whole.start, base + whole.end
        entry_end = list_start
        if list_end > job.length:
            raise NotInOrder("an access list longer than its transaction")
    while base + reader.position < list_end and (
        is_last or reader.position + LONGEST_HEAD <= len(piece)
    ):
        if base + reader.position == entry_end:
            entry_end = base + _entry_head(reader)
            addresses += 1
        else:
            reader.fixed(32)
            slots += 1
        if base + reader.position > entry_end or entry_end > list_end:
            raise NotInOrder("an access list whose entries do not fit")
    cursor = base + reader.position
    job = replace(
        job, cursor=cursor, list_start=list_start, list_end=list_end, entry_end=entry_end,
        addresses=addresses, slots=slots,
    )  # fmt: skip
    if cursor < list_end:
        return job
    if cursor > list_end or entry_end != list_end:
        raise NotInOrder("an access list whose entries do not fit")
    following = {BLOB: Stage.BLOBS, SET_CODE: Stage.AUTHORIZATIONS}.get(job.type, Stage.SIGNATURE)
    return replace(job, stage=following)


def _entry_head(reader: Fields) -> int:
    """Read an entry up to its slots; where it ends."""
    entry = reader.header(is_list=True)
    reader.position = entry.start
    reader.fixed(ADDRESS_BYTES)
    slots = reader.header(is_list=True)
    if slots.end != entry.end:
        raise NotInOrder("an access list entry with more than two items")
    reader.position = slots.start
    return entry.end


def read_blobs(m: Machine, job: Job, rules: ChainRules) -> Job:
    """The price that is offered for blobs, and their hashes."""
    piece = read_job(m, job, job.cursor, WINDOW_BYTES)
    reader = Fields(piece, 0)
    fee_cap = reader.number()
    whole = reader.header(is_list=True)
    reader.position = whole.start
    hashes = []
    while reader.position < whole.end:
        hashes.append(reader.fixed(32))
        if hashes[-1][0] != KZG_VERSION:
            raise NotInOrder(f"a blob hash of version {hashes[-1][0]}")
    if reader.position != whole.end or not 0 < len(hashes) <= rules.max_blobs:
        raise NotInOrder(f"{len(hashes)} blobs")
    return replace(
        job, stage=Stage.SIGNATURE, cursor=job.cursor + whole.end, blob_fee_cap=fee_cap,
        blob_hashes=data_tree(b"".join(hashes)), blob_count=len(hashes),
    )  # fmt: skip


def read_authorizations(m: Machine, job: Job) -> Job:
    """Check the form of authorizations, as many as lie in one window, and count them."""
    base, piece = job.cursor, read_job(m, job, job.cursor, WINDOW_BYTES)
    reader, is_last = Fields(piece, 0), base + len(piece) == job.length
    start, end, count = job.authorizations_start, job.authorizations_end, job.authorizations
    if not end:
        whole = reader.header(is_list=True)
        reader.position = whole.start
        start, end = base + whole.start, base + whole.end
    while base + reader.position < end and (
        is_last or reader.position + LONGEST_AUTHORIZATION <= len(piece)
    ):
        read_authorization(reader)
        count += 1
    cursor = base + reader.position
    if cursor > end or end > job.length or not count:
        raise NotInOrder("no authorizations, or some that do not fit their list")
    stage = Stage.SIGNATURE if cursor == end else Stage.AUTHORIZATIONS
    return replace(
        job, stage=stage, cursor=cursor, authorizations_start=start, authorizations_end=end,
        authorizations=count,
    )  # fmt: skip


def read_authorization(reader: Fields) -> tuple[int, bytes, int, int, int, int]:
    """Chain, address, nonce, parity, r, s."""
    whole = reader.header(is_list=True)
    reader.position = whole.start
    read = (
        reader.number(), reader.fixed(ADDRESS_BYTES), reader.number(8),
        reader.number(1), reader.number(), reader.number(),
    )  # fmt: skip
    if reader.position != whole.end:
        raise NotInOrder("an authorization that does not have six items")
    return read


def read_signature(m: Machine, job: Job) -> Job:
    """Parity, r and s, which end the transaction."""
    reader = Fields(read_job(m, job, job.cursor, LONGEST_SIGNATURE + 1), 0)
    job = replace(job, stage=Stage.SCAN, signature_start=job.cursor)
    if job.type == LEGACY:
        v = reader.number()
        if v not in (27, 28) and v < PROTECTED_V:
            raise NotInOrder(f"v is {v}")
        job.is_protected = int(v >= PROTECTED_V)
        job.chain_id = (v - PROTECTED_V) // 2 if job.is_protected else 0
        job.y_parity = (v - (PROTECTED_V if job.is_protected else 27)) & 1
    else:
        job.is_protected = 1
        job.y_parity = reader.number(1)
        if job.y_parity > 1:
            raise NotInOrder(f"y_parity is {job.y_parity}")
    job.r, job.s = reader.number(), reader.number()
    if job.cursor + reader.position != job.length:
        raise NotInOrder("bytes behind the signature")
    return job


# -- the whole of it ------------------------------------------------------------------------------


def scan(m: Machine, job: Job, rules: ChainRules, index: int, count: int) -> Job:
    """One window: absorb it for its leaf in the trie and for the signature, count its zeros."""
    piece = read_job(m, job, job.scanned, WINDOW_BYTES)
    start, end = job.scanned, job.scanned + len(piece)
    above = b""
    if start:
        leaf = m.opener.raw(job.leaf, MAX_CARRY_BYTES)
    else:
        above = leaf_head(index, count, job.length, piece[:1])
        leaf = FRESH_CARRY
    inline = above + piece
    leaf = absorbed(leaf, inline)
    is_signed = job.type != DEPOSIT
    signing = b""
    if is_signed:
        signing = m.opener.raw(job.signing, MAX_CARRY_BYTES) if start else _signing_head(job)
        signing = absorbed(signing, _cut(piece, start, job.payload_start, job.signature_start))
    body = _cut(piece, start, job.data_start, job.data_start + job.data_length)
    job = replace(
        job, scanned=end, zeros=job.zeros + piece.count(0),
        data_zeros=job.data_zeros + body.count(0),
    )  # fmt: skip
    if end < job.length:
        return replace(job, leaf=Raw(leaf), signing=Raw(signing))
    if above and len(inline) < INLINE_LIMIT:
        job.leaf = Raw(inline)
    else:
        job.leaf = Raw(b"\xa0" + digest(leaf))
    if is_signed:
        job.signing = Raw(digest(absorbed(signing, _signing_tail(job))))
    is_dear = is_signed and rules.has & Rule.FASTLZ and job.length > NOT_COMPRESSED
    return replace(job, stage=Stage.COMPRESS if is_dear else Stage.PAY)


def _signing_head(job: Job) -> bytes:
    """What is signed before the fields: the type and the header of the list without signature."""
    size = job.signature_start - job.payload_start + len(_signing_tail(job))
    kind = b"" if job.type == LEGACY else bytes((job.type,))
    return absorbed(FRESH_CARRY, kind + head(0xC0, size))


def _signing_tail(job: Job) -> bytes:
    """EIP-155: a legacy transaction that names its chain signs it, and two empty items."""
    if job.type != LEGACY or not job.is_protected:
        return b""
    return number(job.chain_id) + b"\x80\x80"


def _cut(piece: bytes, base: int, start: int, end: int) -> bytes:
    return piece[max(start - base, 0) : max(end - base, 0)]


def compress(m: Machine, job: Job) -> Job:
    """FastLZ over the next 1,024 bytes."""
    work = Compression(FastLz().position, 0, 0, 0, 0, Raw(EMPTY_TABLE))
    if not is_nothing(job.compression):
        work = m.opener.open(job.compression, Compression)
    state = FastLz(work.position, work.anchor, work.size, work.reference, work.matched)
    table = bytearray(m.opener.raw(work.table, TABLE_BYTES))
    advance(
        state, table, job.length,
        lambda start, end: read_data(m, job.data, job.length, start, end),
    )  # fmt: skip
    if is_over(state, job.length):
        size = final_size(state, job.length)
        return replace(job, stage=Stage.PAY, charged_size=size, compression=NOTHING)
    work = Compression(
        state.position, state.anchor, state.size, state.reference, state.matched,
        Raw(bytes(table)),
    )  # fmt: skip
    return replace(job, compression=work)
