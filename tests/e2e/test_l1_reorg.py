"""L1 is reorganised 16 blocks deep under load: everybody converges, deposits count exactly once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
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


@pytest.fixture
def net(tmp_path: Path) -> Iterator[NodeProcess]:
    running = dev(tmp_path / "dev", "--l1-block-time", "1").start()
    yield running
    running.stop()


def test_sixteen_blocks_deep_on_the_embedded_l1(net: NodeProcess, tmp_path: Path) -> None:
    portal = net.run["contracts"]["OptimismPortal"]
    wait_for("portal", lambda: call(net.l1, "eth_getCode", portal, "latest") != "0x")
    other = verifier(tmp_path / "verifier", net.l1, net.datadir).start()
    try:
        deposits = []
        with Load(net) as load:
            for nonce in range(10):
                deposits.append(send_deposit(net, nonce))
                target = head_number(net.l1) + 2
                wait_for("L1 blocks", lambda target=target: head_number(net.l1) >= target)
            before = head_number(net.l1)
            replaced = block_hash(net.l1, before)
            call(net.l1, "anvil_reorg", DEPTH, [])
            assert block_hash(net.l1, before) != replaced
            target = before + 6
            wait_for("L1 after the reorg", lambda: head_number(net.l1) >= target)
        assert not load.errors
        assert len(load.hashes) > 100
        for sent in load.hashes:
            wait_for("transfer", lambda sent=sent: call(net.l2, "eth_getTransactionReceipt", sent))
        last = head_number(net.l2)
        wait_for("safe on the sequencer", lambda: head_number(net.l2, "safe") >= last, 90)
        wait_for("safe on the verifier", lambda: head_number(other.l2, "safe") >= last, 90)
        assert block_hash(other.l2, last) == block_hash(net.l2, last)
        assert all(call(net.l1, "eth_getTransactionReceipt", sent) for sent in deposits)
        for url in (net.l2, other.l2):
            balance = call(url, "eth_getBalance", "0x" + RECIPIENT.hex(), hex(last))
            assert int(balance, 16) == DEPOSIT_WEI * len(deposits)
    finally:
        other.stop()
