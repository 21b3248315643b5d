"""Asking and answering: ranges of headers and blocks, cells, and state by pieces of the trie.

    Requests     what is asked of whom, until when; a few at once for each peer
    Serving      what a peer may ask of us: a budget of requests and of bytes
    HeaderChain  headers fetched downwards from a hash that is trusted
    BlockRange   blocks of known hashes, from any peers, handed out in order
    StateSync    a state by the hashes of its trie, from its root

Whatever arrives is checked against a hash that was known before, so that an answer is either right
or somebody's fault. Machines without I/O; time is an argument.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from chain.account import EMPTY_CODE_HASH, decode_account
from chain.block import Block, Header, decode_block, decode_header
from chain.crypto.keccak import keccak256
from chain.errors import DecodeError, StemmaError
from chain.trie import EMPTY_ROOT, hashes_in
from chain.trie.node import Leaf, decode_node
from chain.types import Hash32

from .errors import RemoteProtocolError
from .message import Response
from .scoring import Budget, PeerKey

_Value = TypeVar("_Value")

REQUEST_TIMEOUT_S: Final = 10.0
MAX_IN_FLIGHT: Final = 4
"""Requests that one peer has to answer at a time."""

BLOCKS_A_REQUEST: Final = 64
HEADERS_A_REQUEST: Final = 512
ANSWER_BYTES: Final = 4 * 1024 * 1024
STATE_ANSWER_BYTES: Final = 1024 * 1024
STATE_ANSWER_ITEMS: Final = 8192
HASHES_A_REQUEST: Final = 64
_SERVED_PER_S: Final = 20.0
_SERVED_BURST: Final = 60.0
_SERVED_BYTES_PER_S: Final = 8.0 * 1024 * 1024
_SERVED_BYTES_BURST: Final = 64.0 * 1024 * 1024


class WrongAnswer(RemoteProtocolError):
    """An answer does not hash to what was asked for, or breaks the form asked for."""


class Requests:
    """Requests that wait for an answer."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[int, tuple[PeerKey, float]] = OrderedDict()
        self._next_id = 0

    def in_flight(self, peer: PeerKey) -> int:
        """How many answers a peer owes."""
        return sum(who == peer for who, _ in self._waiting.values())

    def begin(self, peer: PeerKey, now: float) -> int | None:
        """The id of a new request; None while the peer owes enough."""
        if self.in_flight(peer) >= MAX_IN_FLIGHT:
            return None
        self._next_id = (self._next_id + 1) % 2**32
        self._waiting[self._next_id] = (peer, now + REQUEST_TIMEOUT_S)
        return self._next_id

    def answered(self, peer: PeerKey, response: Response) -> bool:
        """Whether the response answers a request to that peer that still waits."""
        who = self._waiting.get(response.id)
        if who is None or who[0] != peer:
            return False
        del self._waiting[response.id]
        return True

    def overdue(self, now: float) -> list[tuple[int, PeerKey]]:
        """Requests whose time is over; they are forgotten."""
        late = [(key, who) for key, (who, due) in self._waiting.items() if due <= now]
        for key, _ in late:
            del self._waiting[key]
        return late

    def dropped(self, peer: PeerKey) -> list[int]:
        """Requests to a peer that has gone; they are forgotten."""
        lost = [key for key, (who, _) in self._waiting.items() if who == peer]
        for key in lost:
            del self._waiting[key]
        return lost


@dataclass(slots=True)
class Serving:
    """What one peer may ask of us."""

    requests: Budget = field(default_factory=lambda: Budget(_SERVED_PER_S, _SERVED_BURST))
    size: Budget = field(default_factory=lambda: Budget(_SERVED_BYTES_PER_S, _SERVED_BYTES_BURST))

    def may_ask(self, now: float) -> bool:
        """Whether one more request is within the budget."""
        return self.requests.spend(1, now) and self.size.spend(0, now)

    def served(self, size: int, now: float) -> None:
        """An answer of so many bytes has gone; a large one uses up what comes next."""
        self.size.spend(min(float(size), self.size.left if self.size.left > 0 else 0.0), now)


class HeaderChain:
    """Headers from a trusted hash down to a number, each the parent of the one above."""

    def __init__(self, top_number: int, top_hash: bytes, bottom_number: int) -> None:
        """`bottom_number` is the lowest header wanted."""
        self._number = top_number
        self._hash = top_hash
        self._bottom = bottom_number
        self.headers: deque[Header] = deque()

    @property
    def is_complete(self) -> bool:
        """Whether the lowest header is there."""
        return self._number < self._bottom

    @property
    def lowest_parent(self) -> bytes:
        """The hash below the lowest header."""
        return self._hash

    def next_range(self) -> tuple[int, int]:
        """Start and count of the next request."""
        start = max(self._bottom, self._number - HEADERS_A_REQUEST + 1)
        return start, self._number - start + 1

    def take(self, items: Sequence[bytes]) -> None:
        """Add an answer to `next_range`. Raises WrongAnswer, keeping nothing."""
        start, count = self.next_range()
        if len(items) != count:
            raise WrongAnswer(f"headers: {len(items)} from {start}, asked for {count}")
        number, wanted, found = self._number, self._hash, []
        for item in reversed(items):
            header = _decoded(decode_header, item, f"header {number}")
            if header.hash != wanted or header.number != number:
                raise WrongAnswer(
                    f"header {number}: 0x{header.hash.hex()}, expected 0x{wanted.hex()}"
                )
            found.append(header)
            number, wanted = number - 1, header.parent_hash
        self.headers.extendleft(found)
        self._number, self._hash = number, wanted


class BlockRange:
    """Blocks whose headers are known, asked of several peers and handed out in order."""

    def __init__(self, headers: Iterable[Header]) -> None:
        """`headers` in order, without a gap."""
        self._headers = {header.number: header.hash for header in headers}
        self._next = min(self._headers, default=0)
        self._end = max(self._headers, default=-1) + 1
        self._blocks: dict[int, Block] = {}
        self._asked: set[int] = set()

    @property
    def is_complete(self) -> bool:
        """Whether everything was handed out."""
        return self._next >= self._end

    def next_range(self, head: int) -> tuple[int, int] | None:
        """Start and count of what a peer with that head could be asked for; None if nothing."""
        ahead = self._next + 4 * BLOCKS_A_REQUEST
        for start in range(self._next, min(self._end, head + 1, ahead)):
            if start in self._blocks or start in self._asked:
                continue
            count = 0
            while (
                count < BLOCKS_A_REQUEST
                and start + count < min(self._end, head + 1)
                and start + count not in self._blocks
                and start + count not in self._asked
            ):
                count += 1
            self._asked.update(range(start, start + count))
            return start, count
        return None

    def give_up(self, start: int, count: int) -> None:
        """A range was not answered: it can be asked for again."""
        self._asked.difference_update(range(start, start + count))

    def take(self, start: int, count: int, items: Sequence[bytes]) -> None:
        """Add an answer: the first blocks of a range, one or more. Raises WrongAnswer."""
        self.give_up(start, count)
        if not 0 < len(items) <= count:
            raise WrongAnswer(f"blocks: {len(items)} from {start}, asked for {count}")
        for number, item in enumerate(items, start):
            block = _decoded(decode_block, item, f"block {number}")
            if block.hash != self._headers[number]:
                raise WrongAnswer(
                    f"block {number}: 0x{block.hash.hex()}, "
                    f"expected 0x{self._headers[number].hex()}"
                )
            self._blocks[number] = block

    def ready(self) -> list[Block]:
        """Blocks that come next, in order; each once."""
        found = []
        while self._next in self._blocks:
            found.append(self._blocks.pop(self._next))
            self._next += 1
        return found


def _decoded(decode: Callable[[bytes], _Value], item: bytes, what: str) -> _Value:
    try:
        return decode(item)
    except DecodeError as error:
        raise WrongAnswer(f"{what}: {error}") from None


@dataclass(frozen=True, slots=True)
class StateBatch:
    """Trie nodes and code that were checked and can be stored."""

    nodes: dict[Hash32, bytes]
    codes: dict[Hash32, bytes]


class StateSync:
    """Fetches a state by hash. An answer holds a wanted node and what hangs below it, in pre-order.

    What is wanted is a stack, so that it stays as small as the trie is deep.
    """

    def __init__(self, root: bytes) -> None:
        self._stack: list[bytes] = []
        self._is_account: dict[bytes, bool] = {}
        self._asked: set[bytes] = set()
        self._roots: set[bytes] = set()
        self._code: set[bytes] = set()
        self.nodes = self.codes = self.accounts = self.size_bytes = 0
        if root != EMPTY_ROOT:
            self._want(root, is_account=True)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is wanted any more."""
        return not self._is_account

    @property
    def wanted(self) -> int:
        """How many hashes are known and not fetched."""
        return len(self._is_account)

    def next_hashes(self) -> tuple[bytes, ...]:
        """What to ask for next; may be empty while answers are out."""
        found: list[bytes] = []
        while self._stack and len(found) < HASHES_A_REQUEST:
            key = self._stack.pop()
            if key in self._is_account and key not in self._asked:
                found.append(key)
        self._asked.update(found)
        return tuple(found)

    def give_up(self, hashes: Iterable[bytes]) -> None:
        """An answer did not come, or left some out: ask again."""
        for key in hashes:
            if key in self._asked:
                self._asked.discard(key)
                if key in self._is_account:
                    self._stack.append(key)

    def take(self, hashes: Sequence[bytes], items: Sequence[bytes]) -> StateBatch:
        """Check an answer. Raises WrongAnswer at the first piece that nobody wants."""
        batch = StateBatch({}, {})
        try:
            if not items:
                raise WrongAnswer(f"state: nothing for {len(hashes)} hashes")
            for item in items:
                self._take(item, batch)
        finally:
            self.give_up(hashes)
        return batch

    def _take(self, item: bytes, batch: StateBatch) -> None:
        key = keccak256(item)
        kind = self._is_account.pop(key, None)
        if kind is None:
            raise WrongAnswer(f"state: {len(item)} bytes of hash 0x{key.hex()} were not asked for")
        self._asked.discard(key)
        self.size_bytes += len(item)
        if key in self._code:
            self._code.discard(key)
            batch.codes[key] = item
            self.codes += 1
            return
        batch.nodes[key] = item
        self.nodes += 1
        try:
            node = decode_node(item)
            below = list(hashes_in(item))
        except StemmaError as error:
            raise WrongAnswer(f"state: node 0x{key.hex()}: {error}") from None
        for child in reversed(below):
            self._want(child, is_account=kind)
        if kind and isinstance(node, Leaf):  # an account has 70 bytes at least: never inlined
            self._account(node.value)

    def _account(self, value: bytes) -> None:
        account = _decoded(decode_account, value, "state: account")
        self.accounts += 1
        if account.storage_root != EMPTY_ROOT and account.storage_root not in self._roots:
            self._roots.add(account.storage_root)
            self._want(account.storage_root, is_account=False)
        if account.code_hash != EMPTY_CODE_HASH and account.code_hash not in self._roots:
            self._roots.add(account.code_hash)
            self._code.add(account.code_hash)
            self._want(account.code_hash, is_account=False)

    def _want(self, key: bytes, *, is_account: bool) -> None:
        if key not in self._is_account:
            self._is_account[key] = is_account
            self._stack.append(key)


def serve_state(
    hashes: Sequence[bytes],
    node: Callable[[bytes], bytes | None],
    code: Callable[[bytes], bytes | None],
) -> list[bytes]:
    """Nodes or code by hash, each node with what hangs below it, in pre-order, while it fits."""
    found: list[bytes] = []
    size = 0
    for key in hashes:
        stack = [key]
        while stack:
            if size >= STATE_ANSWER_BYTES or len(found) >= STATE_ANSWER_ITEMS:
                return found
            current = stack.pop()
            item = node(current)
            if item is None:
                item = code(current)
                if item is None:
                    break
                below: list[bytes] = []
            else:
                below = list(hashes_in(item))
            found.append(item)
            size += len(item)
            stack.extend(reversed(below))
    return found
