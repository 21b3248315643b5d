"""A state by ranges of its tries: how a node answers for one, and how another puts it together.

    GetRanges   → item for each root: MessagePack [end, keys joined, values, nodes]; of the first
                  root from `start` on; only the last item may end before its trie does
    GetState    → code by hash

`StateRanges` asks for accounts in order of their hashes; before a range of accounts is written, so
are the storages and codes of all of them. What it hands out to be written follows from the state
alone, and `progress` says how far it is, so that it goes on after a crash, with other peers that
cut ranges elsewhere. Every answer is checked against a root that was known before. Machines without
I/O.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

import msgpack

from chain.account import EMPTY_CODE_HASH, Account, decode_account
from chain.crypto.keccak import keccak256
from chain.errors import DecodeError
from chain.storage import StatePart
from chain.trie import EMPTY_ROOT, MissingNode, ProofError, TrieNodeError
from chain.trie.ranges import FIRST_KEY, KEY_BYTES, LAST_KEY, TrieRange, check_range, read_range

from .errors import RemoteProtocolError
from .message import unpack_array
from .sync import WrongAnswer

RANGE_LEAVES: Final = 4096
RANGE_BYTES: Final = 384 * 1024
"""Of leaves in an answer, all items together; what proves them is at most 2 × 64 nodes an item."""

LEAST_SHARE: Final = 8
"""An answer that leaves something for later has at least this part of the leaves or bytes that fit:
who gives a leaf at a time would be right for ever."""

ANSWER_LIMIT_BYTES: Final = 1024 * 1024
"""More than that in answer to GetRanges is refused unread."""

STORAGES_A_REQUEST: Final = 64
CODES_A_REQUEST: Final = 32
_PROGRESS_VERSION: Final = 1


# -- answering


def serve_ranges(
    roots: Sequence[bytes], start: bytes, node: Callable[[bytes], bytes | None]
) -> list[bytes]:
    """Items for roots in turn, while they fit; empty where the first trie is not here."""
    items: list[bytes] = []
    leaves, size = RANGE_LEAVES, RANGE_BYTES
    for index, root in enumerate(roots):
        try:
            found = read_range(
                node,
                root,
                FIRST_KEY if index else start,
                most_leaves=leaves,
                most_bytes=size,
            )
        except (MissingNode, TrieNodeError):
            return []  # not here, or just being dropped
        items.append(_encode_range(found))
        leaves -= len(found.leaves)
        size -= len(items[-1])
        if not found.is_last or leaves <= 0 or size <= 0:
            break
    return items


def _encode_range(found: TrieRange) -> bytes:
    keys = b"".join(key for key, _ in found.leaves)
    values = [value for _, value in found.leaves]
    return cast("bytes", msgpack.packb([found.end, keys, values, list(found.nodes)]))


def _decode_range(item: bytes, start: bytes) -> TrieRange:
    try:
        fields = unpack_array("range", item)
    except RemoteProtocolError as error:
        raise WrongAnswer(str(error)) from None
    if [type(each) for each in fields] != [bytes, bytes, tuple, tuple]:
        raise WrongAnswer("range: not [end, keys, values, nodes]")
    end, joined, values, nodes = fields
    whole = all(type(each) is bytes for each in (*values, *nodes))
    if not whole or len(joined) != KEY_BYTES * len(values) or len(end) != KEY_BYTES:
        raise WrongAnswer("range: keys, values or nodes are not as many bytes as they should be")
    keys = [joined[at : at + KEY_BYTES] for at in range(0, len(joined), KEY_BYTES)]
    return TrieRange(start, end, tuple(zip(keys, values, strict=True)), nodes)


# -- asking


@dataclass(frozen=True, slots=True)
class RangesWanted:
    """What GetRanges is to ask for."""

    roots: tuple[bytes, ...]
    start: bytes


@dataclass(frozen=True, slots=True)
class CodesWanted:
    """What GetState is to ask for."""

    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a state has come, as it is kept with it.

    Everything of the accounts before `accounts_from` is written. So are the storages of those
    before `storage_of`, and of its own what lies before `storage_from`.
    """

    root: bytes
    accounts_from: bytes = FIRST_KEY
    storage_of: bytes = FIRST_KEY
    storage_from: bytes = FIRST_KEY
    is_complete: bool = False
    accounts: int = 0
    slots: int = 0
    codes: int = 0
    size_bytes: int = 0

    @property
    def share(self) -> float:
        """How much of the accounts is there, by their hashes: 0 to 1."""
        if self.is_complete:
            return 1.0
        return int.from_bytes(self.accounts_from[:4], "big") / 2**32

    def encode(self) -> bytes:
        """For a disk."""
        fields: list[object] = [_PROGRESS_VERSION, self.root, self.accounts_from, self.storage_of]
        fields += [self.storage_from, self.is_complete]
        fields += [self.accounts, self.slots, self.codes, self.size_bytes]
        return cast("bytes", msgpack.packb(fields))

    @staticmethod
    def decode(data: bytes) -> Progress:
        """Read what `encode` wrote. Raises DecodeError."""
        try:
            fields = unpack_array("progress of a snapshot", data)
        except RemoteProtocolError as error:
            raise DecodeError(str(error)) from error
        types: list[type] = [int, bytes, bytes, bytes, bytes, bool, int, int, int, int]
        if [type(each) for each in fields] != types or fields[0] != _PROGRESS_VERSION:
            raise DecodeError("progress of a snapshot: of another version")
        values: tuple[Any, ...] = fields[1:]
        return Progress(*values)


@dataclass(slots=True)
class _Accounts:
    """A range of accounts whose storages and codes are being fetched."""

    found: TrieRange
    nodes: list[tuple[bytes, bytes]]
    code_uses: list[bytes]
    storages: deque[tuple[bytes, bytes]]
    """Hash of the account and storage root, of those that are not written."""
    codes_wanted: deque[bytes]
    codes: dict[bytes, bytes] = field(default_factory=dict)


class StateRanges:
    """Fetches a state in ranges, one request after another."""

    def __init__(self, progress: Progress, has_code: Callable[[bytes], bool]) -> None:
        """Go on from there; `has_code` says whether a code is stored by now."""
        self.progress = progress
        self._has_code = has_code
        self._accounts: _Accounts | None = None
        if progress.root == EMPTY_ROOT:
            self.progress = replace(progress, is_complete=True)

    @property
    def is_complete(self) -> bool:
        """Whether all of the state has been handed out."""
        return self.progress.is_complete

    def next_request(self) -> RangesWanted | CodesWanted:
        """What to ask for now."""
        accounts = self._accounts
        if accounts is None:
            return RangesWanted((self.progress.root,), self.progress.accounts_from)
        if accounts.codes_wanted:
            return CodesWanted(tuple(accounts.codes_wanted)[:CODES_A_REQUEST])
        ahead = list(accounts.storages)[:STORAGES_A_REQUEST]
        return RangesWanted(tuple(root for _, root in ahead), self._storage_start(ahead[0][0]))

    def _storage_start(self, account: bytes) -> bytes:
        return self.progress.storage_from if account == self.progress.storage_of else FIRST_KEY

    def take(self, asked: RangesWanted | CodesWanted, items: Sequence[bytes]) -> StatePart | None:
        """Use an answer to `next_request`; what is to be written now, together with `progress`.

        Raises WrongAnswer, after which nothing has changed.
        """
        size = sum(map(len, items))
        if isinstance(asked, CodesWanted):
            self._take_codes(asked, items)
        elif size > ANSWER_LIMIT_BYTES or not 0 < len(items) <= len(asked.roots):
            raise WrongAnswer(f"ranges: {len(items)} items of {size} bytes")
        elif self._accounts is None:
            self._take_accounts(asked, items[0])
        else:
            return self._take_storages(self._accounts, asked, items)
        self.progress = replace(self.progress, size_bytes=self.progress.size_bytes + size)
        return self._finished()

    def _take_accounts(self, asked: RangesWanted, item: bytes) -> None:
        found, nodes = _checked(asked.roots[0], item, asked.start)
        _require_a_share([found], [item], is_all=found.is_last)
        storages: deque[tuple[bytes, bytes]] = deque()
        code_uses = []
        for key, value in found.leaves:
            account = _account(key, value)
            if account.code_hash != EMPTY_CODE_HASH:
                code_uses.append(bytes(account.code_hash))
            if account.storage_root != EMPTY_ROOT and not self._is_written(key):
                storages.append((key, bytes(account.storage_root)))
        wanted = deque(key for key in dict.fromkeys(code_uses) if not self._has_code(key))
        self._accounts = _Accounts(found, nodes, code_uses, storages, wanted)

    def _is_written(self, account: bytes) -> bool:
        """Whether the whole storage of an account was written before."""
        return account < self.progress.storage_of

    def _take_codes(self, asked: CodesWanted, items: Sequence[bytes]) -> None:
        accounts = self._accounts
        assert accounts is not None  # noqa: S101 - codes are asked for on behalf of accounts
        found = {bytes(keccak256(item)): item for item in items}
        if not found or len(found) != len(items) or not found.keys() <= set(asked.hashes):
            raise WrongAnswer(f"codes: {len(items)} for {len(asked.hashes)} hashes, not all asked")
        accounts.codes.update(found)
        accounts.codes_wanted = deque(key for key in accounts.codes_wanted if key not in found)

    def _take_storages(
        self, accounts: _Accounts, asked: RangesWanted, items: Sequence[bytes]
    ) -> StatePart:
        """Check all items, then move on; an incomplete one can be the last alone."""
        checked = [
            _checked(root, item, FIRST_KEY if index else asked.start)
            for index, (root, item) in enumerate(zip(asked.roots, items, strict=False))
        ]
        if not all(found.is_last for found, _ in checked[:-1]):
            raise WrongAnswer("ranges: one that is not the last ends before its trie")
        is_all = checked[-1][0].is_last and len(checked) == len(asked.roots)
        _require_a_share([found for found, _ in checked], items, is_all=is_all)
        nodes: list[tuple[bytes, bytes]] = []
        slots = 0
        for found, made in checked:
            nodes += made
            slots += len(found.leaves)
            account = accounts.storages[0][0]
            if found.is_last:
                accounts.storages.popleft()
                at = _after(account), FIRST_KEY
            else:
                at = account, found.following
            self.progress = replace(self.progress, storage_of=at[0], storage_from=at[1])
        self.progress = replace(
            self.progress,
            slots=self.progress.slots + slots,
            size_bytes=self.progress.size_bytes + sum(map(len, items)),
        )
        part = StatePart(nodes)
        finished = self._finished()
        if finished is None:
            return part
        return replace(finished, nodes=[*nodes, *finished.nodes])

    def _finished(self) -> StatePart | None:
        """The range of accounts itself, once all that belongs to it is there."""
        accounts = self._accounts
        if accounts is None or accounts.storages or accounts.codes_wanted:
            return None
        self._accounts = None
        is_last = accounts.found.is_last
        self.progress = replace(
            self.progress,
            accounts_from=LAST_KEY if is_last else accounts.found.following,
            is_complete=is_last,
            accounts=self.progress.accounts + len(accounts.found.leaves),
            codes=self.progress.codes + len(accounts.codes),
        )
        return StatePart(accounts.nodes, accounts.codes, accounts.code_uses)


def _checked(root: bytes, item: bytes, start: bytes) -> tuple[TrieRange, list[tuple[bytes, bytes]]]:
    found = _decode_range(item, start)
    try:
        return found, check_range(root, found)
    except ProofError as error:
        raise WrongAnswer(str(error)) from None


def _require_a_share(ranges: Sequence[TrieRange], items: Sequence[bytes], *, is_all: bool) -> None:
    leaves = sum(len(found.leaves) for found in ranges)
    size = sum(map(len, items))
    if not is_all and LEAST_SHARE * leaves < RANGE_LEAVES and LEAST_SHARE * size < RANGE_BYTES:
        raise WrongAnswer(f"ranges: {leaves} leaves in {size} bytes, and more is left for later")


def _account(key: bytes, value: bytes) -> Account:
    try:
        return decode_account(value)
    except DecodeError as error:
        raise WrongAnswer(f"range: account 0x{key.hex()}: {error}") from None


def _after(key: bytes) -> bytes:
    """The next key; of the last key itself, since there is none after it."""
    return key if key == LAST_KEY else (int.from_bytes(key, "big") + 1).to_bytes(KEY_BYTES, "big")
