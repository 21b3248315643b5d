"""What a prover of inputs sends and asks, over an L1 that records what it is sent."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from l1_blocks import bare_rollup_config, l1_block

from chain import abi, rlp
from chain.types import Address
from node.input_proving import InputProver, NotProvableYet, Progress, TooOldToProve
from node.l1.json_rpc import L1CallFailed
from rollup.dispute.input_proof import KNOWN_HEADERS, prove_header

L1_BLOCKS = Address(b"\x1b" * 20)
WORDS = ["bytes32", "bytes32", "uint256", "uint256", "uint256", "bytes32", "bytes32", "bytes32"]


class RecordingL1:
    """Answers l1Block and takes prove; keeps the order in which headers came."""

    def __init__(self, head_number, recorded=()):
        self.head_number = head_number
        self.recorded = set(recorded)
        self.sent = []
        self.address = b"\x05" * 20

    async def call(self, method, request, _tag):
        assert method == "eth_call"
        data = bytes.fromhex(request["data"][2:])
        if data[:4] != abi.selector("l1Block(uint256)"):
            return "0x"
        number = int.from_bytes(data[4:36], "big")
        block_hash = b"\x01" * 32 if number in self.recorded else bytes(32)
        values = [block_hash, bytes(32), 0, 0, 0, bytes(32), bytes(32), bytes(32)]
        return "0x" + abi.encode(WORDS, values).hex()

    async def send_and_wait(self, request):
        assert request.to == L1_BLOCKS
        (header,) = abi.decode(["bytes"], request.data[4:-32])
        number = int.from_bytes(rlp.decode(header)[8], "big")
        assert request.data == prove_header(l1_block(number).header.encode())
        self.sent.append(number)
        self.recorded.add(number)
        return SimpleNamespace(block=SimpleNamespace(number=self.head_number))

    async def poll(self):
        """Nothing is new."""

    def block_by_number(self, number):
        return l1_block(number)


def record(l1, number):
    """Have the header recorded; whether anything was sent."""
    prover = InputProver(bare_rollup_config(), l1, bytes(20), l1, lambda _: None)
    prover._l1_blocks, prover._follower, prover._provider = L1_BLOCKS, l1, l1
    return asyncio.run(prover._record(number))


def test_a_young_header_is_sent_alone_and_once():
    l1 = RecordingL1(9_000)
    assert record(l1, 8_990)
    assert not record(l1, 8_990)
    assert l1.sent == [8_990]


def test_an_old_header_is_sent_behind_those_that_lead_to_it():
    oldest = 9_000 - KNOWN_HEADERS + 64
    l1 = RecordingL1(9_000)
    assert record(l1, oldest - 3)
    assert l1.sent == [oldest, oldest - 1, oldest - 2, oldest - 3]


def test_headers_that_are_recorded_already_are_not_sent_again():
    oldest = 9_000 - KNOWN_HEADERS + 64
    l1 = RecordingL1(9_000, recorded=(oldest, oldest - 1))
    assert record(l1, oldest - 3)
    assert l1.sent == [oldest - 2, oldest - 3]


def test_a_header_behind_very_many_is_refused_before_anything_is_sent():
    l1 = RecordingL1(100_000)
    with pytest.raises(TooOldToProve, match="while it is younger"):
        record(l1, 90_000)
    assert l1.sent == []


def test_the_newest_block_waits_for_the_next():
    l1 = RecordingL1(50)
    with pytest.raises(NotProvableYet):
        record(l1, 50)
    assert record(l1, 49)


# -- items


class InboxL1:
    """An inbox of items in these L1 blocks, of which none may count any more."""

    def __init__(self, head_number, *l1_blocks):
        self.head_number = head_number
        self.items = l1_blocks
        self.spans = []
        self.address = b"\x05" * 20

    async def call(self, method, request, _tag=None):
        if method == "eth_getLogs":
            span = range(int(request["fromBlock"], 16), int(request["toBlock"], 16) + 1)
            self.spans.append(span)
            return [
                {"topics": ["0x00", hex(index)], "data": "0x" + abi.encode(["bytes"], [b"x"]).hex()}
                for index, at in enumerate(self.items)
                if at in span
            ]
        data = bytes.fromhex(request["data"][2:])
        if data[:4] == abi.selector("count()"):
            return "0x" + abi.encode(["uint256"], [len(self.items)]).hex()
        assert data[:4] == abi.selector("item(uint256)")
        index = int.from_bytes(data[4:], "big")
        at = self.items[index] if index < len(self.items) else 0
        return "0x" + abi.encode(["uint256", "bytes32"], [at, bytes(32)]).hex()


def first_index(l1, origin):
    """Which index a search that has looked at nothing ends with."""
    prover = InputProver(bare_rollup_config(window=10), l1, bytes(20), l1, lambda _: None)
    prover._follower = l1
    return asyncio.run(prover._search(b"\x0a" * 32, Progress(True, origin, 0, 0), origin))


@pytest.mark.parametrize("behind", [(), (62,), (62, 62, 70, 99)])
@pytest.mark.parametrize("before", [(), (3,), (3, 50, 50), (3, 3, 7, 8, 9, 49, 50)])
def test_a_window_without_items_ends_at_the_first_item_behind_the_origin(before, behind):
    l1 = InboxL1(100, *before, *behind)
    assert first_index(l1, 50) == len(before)


class ScanningL1(InboxL1):
    """An inbox whose items each take some gas to look at, as far as the window goes."""

    def __init__(self, *gas, window):
        super().__init__(100, *([62] * len(gas)))
        self.gas, self.window = gas, window
        self.next = 0

    async def call(self, method, request, _tag=None):
        data = bytes.fromhex(request.get("data", "0x")[2:])
        if data[:4] != abi.selector("scan(bytes32,uint256,bytes)"):
            return await super().call(method, request, _tag)
        first, count = self.read(data)
        assert first == self.next
        gas = sum(self.gas[first : first + count])
        if gas > int(request["gas"], 16) or first + count > self.window:
            raise L1CallFailed(method, 3, "execution reverted")
        return "0x"

    @staticmethod
    def read(data):
        """The first item of a call, and how many there are: each has one byte behind its length."""
        _, first, items = abi.decode(["bytes32", "uint256", "bytes"], data[4:-32])
        assert items == b"\x00\x00\x01x" * (len(items) // 4)
        return first, len(items) // 4

    async def send_and_wait(self, request):
        first, count = self.read(request.data)
        self.next = first + count
        return SimpleNamespace(block=SimpleNamespace(number=self.head_number))

    async def poll(self):
        """Nothing is new."""


@pytest.mark.parametrize(
    ("gas", "window", "cuts"),
    [
        ([10**5] * 9, 9, [9]),
        ([9 * 10**6] * 4, 4, [1, 2, 3, 4]),
        ([10**7, *[10**5] * 70], 71, [35, 71]),
        ([10**6] * 20, 20, [10, 20]),
        ([10**5] * 9, 5, [4, 5]),
        ([10**5] * 9, 0, []),
    ],
)
def test_as_many_items_go_into_a_call_as_it_has_gas_and_the_window_has(gas, window, cuts):
    l1 = ScanningL1(*gas, window=window)
    prover = InputProver(bare_rollup_config(window=20), l1, bytes(20), l1, lambda _: None)
    prover._follower = l1
    seen = []
    while True:
        progress = Progress(True, 50, l1.next + 1 if l1.next else 0, 0)
        index = asyncio.run(prover._search(b"\x0a" * 32, progress, 50))
        if index is not None:
            break
        seen.append(l1.next)
    assert (seen, index) == (cuts, window)


def test_no_more_logs_are_asked_for_than_a_call_takes():
    l1 = InboxL1(900, 62, *[63] * 2_000, 700, 800)
    prover = InputProver(bare_rollup_config(window=800), l1, bytes(20), l1, lambda _: None)
    prover._follower = l1
    assert len(asyncio.run(prover._items(1, 850))) == 2_000
    assert l1.spans == [range(63, 163)]
    l1.spans.clear()
    assert len(asyncio.run(prover._items(1_500, 850))) == 503
    assert l1.spans[-1] == range(763, 851)


@pytest.mark.parametrize(
    ("found", "seconds", "expected"), [(0, -1, 50), (0, 0, 51), (0, 1, 51), (1, 9, 50), (2, 9, 50)]
)
def test_receipts_are_read_of_the_epoch_alone(found, seconds, expected):
    l1 = RecordingL1(100)
    prover = InputProver(bare_rollup_config(), l1, bytes(20), l1, lambda _: None)
    prover._provider = l1
    due = l1_block(51).timestamp + seconds
    assert asyncio.run(prover._epoch(Progress(True, 50, 0, found), 50, due)) == expected
