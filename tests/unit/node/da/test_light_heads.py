"""The unsafe head of a light node: who may sign, what is refused, gaps, branches, restarts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from actors import World
from hypothesis import given, settings
from hypothesis import strategies as st
from l1_blocks import bare_rollup_config
from p2p_answers import Answers, Moment

from chain.crypto.secp256k1 import address_of
from chain.errors import DecodeError
from chain.heads import BlockId
from chain.storage import MemoryStore
from chain.types import Address, Hash32
from genesis.dev_accounts import dev_accounts
from node.da import light_heads as room
from node.da.light_heads import HeadWatch, L1View, LightHead, refusal
from node.l1.json_rpc import L1Unreachable
from node.p2p.gossip import Verdict
from node.p2p.message import GetHeaders
from node.p2p.unsafe_block import sign_block

KEY = b"\x11" * 32
ALICE = dev_accounts()[0]
COUNT = 30


@pytest.fixture(scope="module")
def chain():
    """A sequencer's world, and its blocks from 1 on."""
    world = World()
    world.miner.mine(3)
    blocks = []
    for _ in range(COUNT):
        world.sequencer.send(ALICE)
        blocks.append(world.sequencer.build())
    return world, blocks


class Followed:
    """A light node's look at the heads of that chain."""

    def __init__(self, chain, store=None) -> None:
        self.world, self.blocks = chain
        self.store = MemoryStore() if store is None else store
        self.clock = Moment(float(self.blocks[0].header.timestamp), step=0.0)
        self.signer = Address(address_of(KEY))
        self.asked_signer = 0
        self.canonical = {LightHead.of_block(b).l1_origin for b in self.blocks}
        self.network = Answers(self.clock)
        self.heads = self.begin()

    def begin(self) -> HeadWatch:
        return HeadWatch(
            self.world.config, self.store, L1View(self._signer, self._number), self.clock.now
        )

    async def _signer(self):
        self.asked_signer += 1
        if self.signer is None:
            raise L1Unreachable("nobody answers")
        return self.signer

    async def _number(self, block_hash):
        found = (origin.number for origin in self.canonical if origin.hash == block_hash)
        return next(found, None)

    async def hear(self, block, *, key=KEY, chain_id=None, age_s=0.0) -> Verdict:
        self.clock.time = block.header.timestamp + age_s
        chain_id = chain_id or self.world.config.l2_chain_id
        return await self.heads.judge(sign_block(block, chain_id, key))

    def said(self, l1_read=99, l1_accepted=99):
        return self.heads.describe(l1_read, l1_accepted, lambda number: {"up_to": number})


@pytest.fixture
async def followed(chain):
    made = Followed(chain)
    await made.heads.look(None)
    return made


def honest(followed, spoil=lambda items: items):
    def give(request):
        assert isinstance(request, GetHeaders)
        blocks = followed.blocks[request.start - 1 : request.start - 1 + request.count]
        return spoil([block.header.encode() for block in blocks])

    return give


async def test_each_signed_block_becomes_the_head(followed) -> None:
    for block in followed.blocks[:3]:
        assert await followed.hear(block) is Verdict.ACCEPT
        await followed.heads.look(None)
        shown = followed.said()["head"]
        assert shown["hash"] == "0x" + block.hash.hex()
        assert (shown["accepted"], shown["why_not"], shown["linked_from"]) == (True, None, 1)
        assert shown["data"] == {"up_to": shown["l1_origin"]}
    assert followed.said()["headers"] == 3


async def test_what_the_sequencer_did_not_sign_for_this_chain_is_rejected(followed) -> None:
    block = followed.blocks[0]
    assert await followed.hear(block, key=b"\x22" * 32) is Verdict.REJECT
    assert await followed.hear(block, chain_id=5) is Verdict.REJECT
    for junk in (b"", bytes(65), bytes(66), b"\x01" * 65 + block.encode()):
        assert await followed.heads.judge(junk) is Verdict.REJECT
    assert followed.said()["head"] is None


@pytest.mark.parametrize("age_s", [-5.5, 60.5, 10**6])
async def test_old_and_future_blocks_are_ignored(followed, age_s) -> None:
    assert await followed.hear(followed.blocks[0], age_s=age_s) is Verdict.IGNORE
    assert followed.said()["head"] is None


async def test_without_a_signer_nothing_is_believed_and_l1_is_asked_again_after_a_while(chain):
    made = Followed(chain)
    made.signer = None
    with pytest.raises(L1Unreachable):
        await made.heads.look(None)
    assert await made.hear(made.blocks[0]) is Verdict.IGNORE
    made.signer = Address(address_of(KEY))
    await made.heads.look(None)
    await made.heads.look(None)
    assert made.asked_signer == 2
    assert await made.hear(made.blocks[0]) is Verdict.ACCEPT
    made.clock.time += room.SIGNER_EVERY_S
    made.signer = Address(address_of(b"\x22" * 32))
    await made.heads.look(None)
    assert await made.hear(made.blocks[1]) is Verdict.REJECT


async def test_a_replayed_block_moves_nothing_back(followed) -> None:
    for block in (followed.blocks[0], followed.blocks[1], followed.blocks[0]):
        assert await followed.hear(block) is Verdict.ACCEPT
    assert followed.said()["head"]["l2_block"] == 2
    assert followed.said()["conflicts"] == []


def another(block):
    """A block of the same number and parent."""
    return replace(block, header=replace(block.header, gas_limit=block.header.gas_limit + 1))


async def test_two_blocks_of_a_number_refuse_the_head_until_the_chain_is_longer(followed) -> None:
    first, second = followed.blocks[:2]
    await followed.hear(first)
    await followed.heads.look(None)
    assert await followed.hear(another(first)) is Verdict.ACCEPT
    shown = followed.said()
    other = "0x" + another(first).hash.hex()
    assert shown["head"]["hash"] == "0x" + first.hash.hex()
    assert shown["head"]["why_not"] == (
        f"the sequencer has signed another block of that number, {other}"
    )
    assert shown["conflicts"] == [{"l2_block": 1, "hash": other}]
    await followed.hear(second)
    await followed.heads.look(None)
    assert followed.said()["head"]["accepted"]


async def test_conflicts_are_bounded(followed, monkeypatch) -> None:
    monkeypatch.setattr(room, "MAX_CONFLICTS", 2)
    for block in followed.blocks[:5]:
        await followed.hear(block)
    for block in followed.blocks[:5]:
        await followed.hear(another(block))
    assert [entry["l2_block"] for entry in followed.said()["conflicts"]] == [4, 5]


async def test_a_head_whose_origin_l1_does_not_have_is_refused(followed) -> None:
    await followed.hear(followed.blocks[0])
    followed.canonical = set()
    await followed.heads.look(None)
    assert "is not canonical" in followed.said()["head"]["why_not"]


async def test_a_head_over_data_that_were_not_found_is_refused(followed) -> None:
    await followed.hear(followed.blocks[-1])
    await followed.heads.look(None)
    origin = followed.said()["head"]["l1_origin"]
    assert origin > 0
    assert followed.said(9, origin)["head"]["accepted"]
    assert followed.said(9, origin - 1)["head"]["why_not"] == (
        f"it builds on L1 block {origin}, data are known to be available up to {origin - 1}"
    )
    assert followed.said(origin - 1, origin - 1)["head"]["why_not"] == (
        f"its L1 origin is block {origin}, L1 was read up to {origin - 1}"
    )


def test_a_block_without_l1_attributes_is_refused(chain) -> None:
    block = chain[1][0]
    bare = LightHead.of_block(replace(block, transactions=block.transactions[1:]))
    assert bare.l1_origin is None
    why_not = refusal(bare, other=None, has_origin=False, l1_read=9, l1_accepted=9)
    assert "does not open with L1 attributes" in why_not


async def test_a_gap_is_closed_by_headers_of_peers(followed) -> None:
    followed.network.meet("behind", lambda _: pytest.fail("asked"), head_number=3)
    liar = followed.network.meet("liar", honest(followed, lambda items: items[::-1]))
    right = followed.network.meet("right", honest(followed))
    await followed.hear(followed.blocks[1])
    await followed.hear(followed.blocks[19])
    assert followed.said()["head"]["linked_from"] == 20
    await followed.heads.look(followed.network)
    assert followed.said()["head"]["linked_from"] == 2
    assert followed.said()["headers"] == 19
    assert followed.network.score(liar) < -30
    assert followed.network.score(right) >= 0


@pytest.mark.parametrize("spoil", [lambda _: None, lambda _: [], lambda items: items[1:]])
async def test_a_gap_that_nobody_closes_changes_nothing(followed, spoil) -> None:
    followed.network.meet("peer", honest(followed, spoil))
    await followed.hear(followed.blocks[1])
    await followed.hear(followed.blocks[19])
    before = dict(followed.store.scan())
    await followed.heads.look(followed.network)
    assert dict(followed.store.scan()) == before
    assert followed.said()["head"]["linked_from"] == 20


async def test_headers_of_a_branch_that_was_left_are_dropped(followed) -> None:
    followed.network.meet("peer", honest(followed))
    await followed.hear(followed.blocks[0])
    await followed.hear(another(followed.blocks[1]))
    await followed.hear(followed.blocks[2])
    assert followed.said()["head"]["linked_from"] == 3
    await followed.heads.look(followed.network)
    assert followed.said()["head"]["hash"] == "0x" + followed.blocks[2].hash.hex()
    assert [int.from_bytes(key[1:], "big") for key, _ in followed.store.scan(b"h")] == [3]


async def test_old_headers_are_forgotten_on_disk_as_well(followed, monkeypatch) -> None:
    monkeypatch.setattr(room, "KEPT_HEADS", 4)
    for block in followed.blocks[:10]:
        await followed.hear(block)
    assert followed.said()["headers"] == 4
    assert [int.from_bytes(key[1:], "big") for key, _ in followed.store.scan(b"h")] == [7, 8, 9, 10]


async def test_after_a_long_pause_nothing_is_fetched_that_would_be_forgotten(
    followed, monkeypatch
) -> None:
    monkeypatch.setattr(room, "KEPT_HEADS", 8)
    followed.network.meet("peer", lambda _: pytest.fail("asked for what is not kept"))
    await followed.hear(followed.blocks[0])
    await followed.hear(followed.blocks[20])
    await followed.heads.look(followed.network)
    assert (followed.said()["headers"], followed.said()["head"]["l2_block"]) == (1, 21)


async def test_a_restart_goes_on_with_what_was_kept(chain, followed) -> None:
    for block in followed.blocks[:3]:
        await followed.hear(block)
    again = Followed(chain, followed.store)
    assert again.heads.head() == followed.heads.head() == LightHead.of_block(followed.blocks[2])
    shown = again.said()
    assert (shown["headers"], shown["head"]["linked_from"]) == (3, 1)
    assert not shown["head"]["accepted"]  # L1 has not been asked yet
    await again.heads.look(None)
    assert again.said()["head"]["accepted"]


def test_a_record_of_another_size_is_named(chain) -> None:
    store = MemoryStore()
    store.write({b"h" + bytes(8): b"short"}, sync=True)
    with pytest.raises(DecodeError, match="L2 head 0: 5 bytes, expected 112"):
        Followed(chain, store)


HASHES = st.binary(min_size=32, max_size=32).map(Hash32)
U64 = st.integers(0, 2**64 - 1)
ORIGINS = st.none() | st.builds(BlockId, U64, HASHES.filter(any))


@given(st.builds(LightHead, U64, HASHES, HASHES, U64, ORIGINS))
def test_records_read_back(head) -> None:
    assert LightHead.decode(head.number, head.encode()) == head


@dataclass(frozen=True)
class Said:
    number: int
    branch: int


@settings(max_examples=60)
@given(st.lists(st.builds(Said, st.integers(1, 40), st.integers(0, 2)), max_size=60))
def test_whatever_is_signed_the_head_never_goes_down_and_memory_is_disk(said) -> None:
    store, config = MemoryStore(), bare_rollup_config()
    heads = HeadWatch(config, store, L1View(None, None), lambda: 0.0)
    highest = 0
    for each in said:
        heads.take(_head(each))
        highest = max(highest, each.number)
        assert heads.head().number == highest
    again = HeadWatch(config, store, L1View(None, None), lambda: 0.0)
    assert again.head() == heads.head()
    assert again._kept == heads._kept


def _head(said: Said) -> LightHead:
    return LightHead(
        said.number, _hash(said.number, said.branch), _hash(said.number - 1, said.branch), 0
    )


def _hash(number: int, branch: int) -> Hash32:
    return Hash32(bytes((branch + 1, number)) * 16)
