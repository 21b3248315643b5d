"""L1 is reorganised 16 blocks deep under load: everybody converges, deposits count exactly once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from anvil import anvil
from load import send_transfers, transfer
from node_process import (
    NodeProcess,
    block_hash,
    call,
    dev,
    head_number,
    verifier,
    wait_for,
)

from chain import abi
from chain.types import Address, to_address
from genesis.dev_accounts import dev_account, dev_accounts

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

DEPTH = 16
DEPOSIT_WEI = 10**15
DEPOSIT = abi.selector("depositTransaction(address,uint256,uint64,bool,bytes)")
RECIPIENT = to_address("0x00000000000000000000000000000000000de905")


def send_deposit(net: NodeProcess, nonce: int) -> str:
    """A deposit through the portal; each mints DEPOSIT_WEI for the recipient."""
    data = DEPOSIT + abi.encode(
        ["address", "uint256", "uint64", "bool", "bytes"],
        [RECIPIENT, DEPOSIT_WEI, 100_000, False, b""],
    )
    raw = transfer(
        net.run["l1"]["chain_id"],
        dev_account("account9"),
        nonce,
        value=DEPOSIT_WEI,
        to=Address(bytes.fromhex(net.run["contracts"]["OptimismPortal"][2:])),
        data=data,
        gas_limit=300_000,
    )
    return call(net.l1, "eth_sendRawTransaction", "0x" + raw.hex())


class Load:
    """Transfers on the L2 from a thread until stopped; remembers every hash that was taken."""

    def __init__(self, net: NodeProcess) -> None:
        self.hashes: list[str] = []
        self.errors: list[BaseException] = []
        self._net = net
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        chain_id = self._net.run["l2"]["chain_id"]
        while not self._stop.wait(0.2):
            try:
                self.hashes += send_transfers(self._net.l2, chain_id, dev_accounts()[1:5], 5)
            except Exception as error:
                self.errors.append(error)
                return


def wait_for_l1(net: NodeProcess, blocks: int) -> None:
    target = head_number(net.l1) + blocks
    wait_for("L1 blocks", lambda: head_number(net.l1) >= target)


def reorganise_under_load(net: NodeProcess, other: NodeProcess) -> list[str]:
    """Ten deposits and a stream of transfers around a reorg; the deposits' L1 transactions."""
    deposits = []
    with Load(net) as load:
        for nonce in range(10):
            deposits.append(send_deposit(net, nonce))
            wait_for_l1(net, 2)
        before = head_number(net.l1)
        replaced = block_hash(net.l1, before)
        call(net.l1, "anvil_reorg", DEPTH, [])
        assert block_hash(net.l1, before) != replaced
        wait_for_l1(net, 6)
    assert not load.errors
    assert len(load.hashes) > 100
    for sent in load.hashes:
        wait_for("transfer", lambda sent=sent: call(net.l2, "eth_getTransactionReceipt", sent))
    last = head_number(net.l2)
    for node in (net, other):
        wait_for("safe head", lambda node=node: head_number(node.l2, "safe") >= last, 90)
    assert block_hash(other.l2, last) == block_hash(net.l2, last)
    return deposits


def assert_minted(net: NodeProcess, other: NodeProcess, count: int) -> None:
    for url in (net.l2, other.l2):
        balance = call(url, "eth_getBalance", "0x" + RECIPIENT.hex(), "safe")
        assert int(balance, 16) == DEPOSIT_WEI * count


def portal_is_there(net: NodeProcess) -> bool:
    return call(net.l1, "eth_getCode", net.run["contracts"]["OptimismPortal"], "latest") != "0x"


@contextmanager
def network(tmp_path: Path, *arguments: str) -> Iterator[tuple[NodeProcess, NodeProcess]]:
    """A sequencer and a verifier in two processes, with the portal on L1."""
    net = dev(tmp_path / "dev", *arguments).start()
    try:
        wait_for("portal", lambda: portal_is_there(net))
        other = verifier(tmp_path / "verifier", net.l1, net.datadir).start()
        try:
            yield net, other
        finally:
            other.stop()
    finally:
        net.stop()


def test_sixteen_blocks_deep_on_the_embedded_l1(tmp_path: Path) -> None:
    with network(tmp_path, "--l1-block-time", "1") as (net, other):
        deposits = reorganise_under_load(net, other)
        # As on a public chain, the transactions of the old blocks were mined again.
        assert all(call(net.l1, "eth_getTransactionReceipt", sent) for sent in deposits)
        assert_minted(net, other, len(deposits))


@pytest.mark.node_js
def test_sixteen_blocks_deep_on_anvil(tmp_path: Path) -> None:
    with anvil() as url, network(tmp_path, "--l1-url", url) as (net, other):
        deposits = reorganise_under_load(net, other)
        # anvil forgets the transactions of the blocks it drops: only those that stayed may count.
        mined = [sent for sent in deposits if call(net.l1, "eth_getTransactionReceipt", sent)]
        assert 0 < len(mined) < len(deposits)
        assert_minted(net, other, len(mined))
