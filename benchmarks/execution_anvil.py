"""anvil, Prague: raw transactions over HTTP in batches of a hundred, then one evm_mine.

In the clock are JSON, HTTP, the pool and one block with its roots; it cannot import a block, so the
mixed one is built out of its transactions.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from execution_load import BlockData, Load
from execution_machine import Machine
from run import batches
from servers import Anvil, ServerFailed

from genesis.addresses import HISTORY_STORAGE


class Node(Anvil):
    """anvil with a genesis block of ours and its clock in our hands."""

    def __init__(self, load: Load, genesis: Path) -> None:
        self._load = load
        self._genesis = genesis
        super().__init__()

    def command(self) -> list[str]:
        """Without accounts of its own, so that the state is the load's."""
        program = self.binary()
        if program is None:
            raise ServerFailed("anvil is not installed: make node-tools")
        load = self._load
        return [
            *(program, "--host", "127.0.0.1", "--port", str(self.port), "--silent"),
            *("--no-mining", "--hardfork", "prague", "--chain-id", str(load.chain_id)),
            *("--gas-limit", str(load.block.gas_limit), "--accounts", "0"),
            *("--init", str(self._genesis), "--disable-default-create2-deployer"),
        ]


def genesis_json(load: Load) -> dict[str, object]:
    """The first block in geth's form."""
    alloc = {
        "0x" + address: {
            "balance": hex(account.balance),
            "nonce": hex(account.nonce),
            "code": "0x" + account.code,
        }
        for address, account in load.alloc.items()
    }
    limit = hex(load.block.gas_limit)
    head = {"gasLimit": limit, "timestamp": "0x1", "difficulty": "0x0", "nonce": "0x0"}
    return {"config": {"chainId": load.chain_id}, "alloc": alloc, "extraData": "0x", **head}


class AnvilMachine(Machine):
    """One node behind the set-up."""

    def __init__(self, load: Load) -> None:
        super().__init__(load)
        self._scratch = TemporaryDirectory(prefix="benchmark-")
        genesis = Path(self._scratch.name) / "genesis.json"
        genesis.write_text(json.dumps(genesis_json(load)))
        self._node = Node(load, genesis)
        try:
            self._node.call("anvil_setCoinbase", "0x" + "00" * 20)
            if not load.alloc[HISTORY_STORAGE.hex()].code:  # anvil has put a contract there
                self._node.call("anvil_setCode", "0x" + HISTORY_STORAGE.hex(), "0x")
            self._expect(load.set_up)
            self._mine(list(batches(load.set_up.raws)))
            self._expect(load.block)
        except BaseException:
            self.close()
            raise
        self._bodies = list(batches(load.block.raws))

    def _expect(self, block: BlockData) -> None:
        """Give the next block the time and the price of the load's."""
        self._node.call("anvil_setNextBlockBaseFeePerGas", hex(block.base_fee_wei))
        self._node.call("evm_setNextBlockTimestamp", block.timestamp)

    def _mine(self, bodies: list[bytes]) -> None:
        self._answers = [self._node.post(body) for body in bodies]
        self._node.call("evm_mine")

    def run(self) -> None:
        """Send, and have one block mined."""
        self._mine(self._bodies)

    def gas_used(self) -> int:
        """As the header says, if the block has all transactions."""
        for answer in self._answers:
            for item in json.loads(answer):
                if "error" in item:
                    raise ServerFailed(f"anvil refuses a transaction: {item['error']}")
        header = self._node.call("eth_getBlockByNumber", "latest", False)
        if len(header["transactions"]) != len(self.raws):
            raise ServerFailed(f"{len(header['transactions'])} of {len(self.raws)} were mined")
        return int(header["gasUsed"], 16)

    def state_root(self) -> bytes:
        """As the header says; anvil has another parent, which the mixed block's state holds."""
        if self.load.is_import:
            return b""
        header = self._node.call("eth_getBlockByNumber", "latest", False)
        return bytes.fromhex(header["stateRoot"].removeprefix("0x"))

    def close(self) -> None:
        """Stop the node."""
        self._node.stop()
        self._scratch.cleanup()


MACHINE = AnvilMachine
