"""The embedded L1's miner: time, snapshots, reorganisation, state by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from load import transfer
from rpc_chain import GENESIS_TIME, RpcChain

from chain.transaction import decode_transaction
from genesis.dev_accounts import dev_accounts
from node.actors.clock import DevClock
from node.l1.dev_l1 import DevChainError, DevL1
from node.rpc.dev import DevNamespace
from node.rpc.errors import RpcError
from node.rpc.parameters import TransactionArguments
from node.writer import Writer

ALICE = dev_accounts()[0]
STRANGER = bytes.fromhex("33" * 20)


class Net:
    """A chain, its miner and a clock that a test turns."""

    def __init__(self) -> None:
        self.chain = RpcChain()
        self.now = float(GENESIS_TIME + 100)
        self.writer = Writer("test")
        self.miner = DevL1(
            engine=self.chain.engine,
            pool=self.chain.pool,
            writer=self.writer,
            clock=DevClock(lambda: self.now),
            interval_s=0,
            announce=self.chain.backend.events.announce_head,
        )

    @property
    def head(self) -> int:
        return self.chain.backend.head().number

    def send(self, nonce: int, value: int = 1) -> bytes:
        raw = transfer(self.chain.backend.chain_id, ALICE, nonce, value=value)
        return self.chain.backend.submit_raw(raw)

    def balance(self, account: bytes) -> int:
        state = self.chain.engine.state_at(self.chain.backend.head())
        return state.get_balance(account)


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    made = Net()
    yield made
    made.writer.close()


async def test_block_has_the_time_of_the_clock_and_always_a_later_one(net: Net) -> None:
    await net.miner.mine(2)
    first, second = (net.chain.engine.header_by_number(n).timestamp for n in (1, 2))
    assert (first, second) == (GENESIS_TIME + 100, GENESIS_TIME + 101)


async def test_time_moves_on_request_and_goes_on_from_there(net: Net) -> None:
    net.miner.clock.offset_s += 3600
    await net.miner.mine()
    assert net.chain.backend.head().timestamp == GENESIS_TIME + 3700
    net.miner.clock.next_timestamp = GENESIS_TIME + 9000
    await net.miner.mine()
    net.now += 5
    await net.miner.mine()
    assert net.chain.backend.head().timestamp == GENESIS_TIME + 9005


async def test_mined_blocks_may_be_spaced(net: Net) -> None:
    await net.miner.mine(3, 60)
    times = [net.chain.engine.header_by_number(n).timestamp for n in (1, 2, 3)]
    assert [later - earlier for earlier, later in pairwise(times)] == [60, 60]
    with pytest.raises(DevChainError, match="cannot mine 10001 blocks"):
        await net.miner.mine(10_001)


async def test_state_set_by_hand_is_in_the_next_block(net: Net) -> None:
    await net.miner.patch(lambda state: state.set_balance(STRANGER, 77))
    assert net.balance(STRANGER) == 77
    await net.miner.mine()
    assert net.balance(STRANGER) == 77


async def test_snapshot_is_gone_back_to_once(net: Net) -> None:
    number = net.miner.snapshot()
    net.send(0)
    await net.miner.mine(3)
    assert await net.miner.revert(number)
    assert net.head == 0
    assert not await net.miner.revert(number)
    net.send(0)
    await net.miner.mine()
    assert net.head == 1


async def test_reorg_replaces_blocks_and_mines_their_transactions_again(net: Net) -> None:
    await net.miner.mine(2)
    sent = [net.send(nonce) for nonce in range(3)]
    await net.miner.mine(3)
    old = {n: net.chain.engine.header_by_number(n).hash for n in range(6)}
    await net.miner.reorg(3)
    new = {n: net.chain.engine.header_by_number(n).hash for n in range(6)}
    assert [n for n in old if old[n] != new[n]] == [3, 4, 5]
    assert all(net.chain.engine.transaction_location(name) is not None for name in sent)
    assert len(net.chain.pool) == 0
    assert net.chain.engine.state_at(net.chain.backend.head()).get_nonce(ALICE.address) == 3


async def test_reorg_places_given_transactions_in_their_blocks(net: Net) -> None:
    await net.miner.mine(4)
    raw = transfer(net.chain.backend.chain_id, ALICE, 0)
    wanted = decode_transaction(raw)
    await net.miner.reorg(3, [(wanted, 1)])
    location = net.chain.engine.transaction_location(wanted.hash)
    assert location is not None
    assert net.chain.engine.block(location[0]).number == 3


@pytest.mark.parametrize("depth", [0, 3, 64])
async def test_reorg_beyond_the_chain_or_finality_is_refused(net: Net, depth: int) -> None:
    await net.miner.mine(2)
    with pytest.raises(DevChainError, match=f"cannot reorganise {depth} blocks: 1 to 2"):
        await net.miner.reorg(depth)
    assert net.head == 2


async def test_an_impersonated_account_sends_without_a_key_even_through_a_reorg(net: Net) -> None:
    backend, methods = net.chain.backend, DevNamespace(net.chain.backend, net.miner)
    await methods.set_balance(STRANGER, 10**18)
    request = TransactionArguments(sender=STRANGER, to=ALICE.address, value=7)
    with pytest.raises(RpcError, match="unknown account"):
        backend.sign_and_submit(request)
    methods.impersonate_account(STRANGER)
    name = backend.sign_and_submit(request)
    await net.miner.mine()
    where = backend.locate(name)
    assert where is not None
    assert backend.transaction_json_at(*where)["from"] == "0x" + STRANGER.hex()
    assert backend.receipt_json(*where)["from"] == "0x" + STRANGER.hex()
    await net.miner.reorg(1)
    assert backend.locate(name) not in (None, where)
    methods.stop_impersonating_account(STRANGER)
    with pytest.raises(RpcError, match="unknown account"):
        backend.sign_and_submit(request)


async def test_nobody_is_given_a_signature_of_an_impersonated_account(net: Net) -> None:
    backend, methods = net.chain.backend, DevNamespace(net.chain.backend, net.miner)
    methods.impersonate_account(STRANGER)
    with pytest.raises(RpcError, match="unknown account"):
        backend.sign(TransactionArguments(sender=STRANGER, to=ALICE.address))
    with pytest.raises(RpcError, match="unknown account"):
        backend.sign_message(STRANGER, b"hello")
