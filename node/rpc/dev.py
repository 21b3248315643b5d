"""evm_, anvil_ and hardhat_: what only a development chain answers.

Served by the embedded L1. The L2 has no such methods: its state is what L1 says, and a balance set
by hand would make every verifier disagree. Deposit from L1 instead.
"""

from __future__ import annotations

from chain.transaction import DepositTransaction, SignedTransaction, decode_transaction
from chain.types import Address

from ..l1.dev_l1 import DevL1
from . import parameters
from .backend import Backend
from .errors import InvalidParameter
from .hexadecimal import data, quantity
from .jsonrpc import Parameter, rpc
from .net import client_version
from .serialise import Json

_ADDRESS = Parameter("address", parameters.address)
_COUNT = Parameter("blocks", parameters.number, 1)
_VALUE = Parameter("value", parameters.number)
_LONGEST_INTERVAL_S = 10**6


def _seconds(value: object) -> float:
    """Seconds as a JSON number, possibly with a fraction, or a quantity."""
    if isinstance(value, float) and 0 <= value < _LONGEST_INTERVAL_S:
        return value
    return float(parameters.number(value))


def _placed(value: object) -> list[tuple[SignedTransaction, int]]:
    """Pairs of raw transaction and block index, as anvil_reorg takes them."""
    if not isinstance(value, list):
        raise InvalidParameter("expected a list of [transaction, block index]")
    pairs: list[tuple[SignedTransaction, int]] = []
    for item in value:
        if not isinstance(item, list) or len(item) != 2:
            raise InvalidParameter("expected [transaction, block index]")
        transaction = decode_transaction(parameters.hex_bytes(item[0]))
        if isinstance(transaction, DepositTransaction):
            raise InvalidParameter("a deposit cannot be mined on L1")
        pairs.append((transaction, parameters.number(item[1])))
    return pairs


def _reorg_depth(value: object) -> int:
    """The depth alone, or anvil's object {depth, tx_block_pairs}."""
    if isinstance(value, dict):
        return parameters.number(value.get("depth"))
    return parameters.number(value)


class DevNamespace:
    """Mining, time, snapshots, reorganisation, state by hand."""

    def __init__(self, backend: Backend, chain: DevL1) -> None:
        """`chain` does the work."""
        self._backend = backend
        self._chain = chain

    @rpc("evm_mine", Parameter("options", lambda value: value, None))
    async def evm_mine(self, options: object) -> str:
        """Mine one block, at a timestamp if one is given."""
        if isinstance(options, dict):
            options = options.get("timestamp")
        if options is not None:
            self._chain.clock.next_timestamp = parameters.number(options)
        await self._chain.mine()
        return "0x0"

    @rpc("anvil_mine", _COUNT, Parameter("interval", parameters.number, None))
    @rpc("hardhat_mine", _COUNT, Parameter("interval", parameters.number, None))
    async def mine(self, count: int, spacing_s: int | None) -> None:
        """Mine blocks, `interval` seconds apart."""
        await self._chain.mine(count, spacing_s)

    @rpc("evm_increaseTime", Parameter("seconds", parameters.number))
    @rpc("anvil_increaseTime", Parameter("seconds", parameters.number))
    def increase_time(self, seconds: int) -> str:
        """Move the clock of both layers forward; the next block shows it."""
        self._chain.clock.offset_s += seconds
        return quantity(int(self._chain.clock.offset_s))

    @rpc("evm_setNextBlockTimestamp", Parameter("timestamp", parameters.number))
    @rpc("anvil_setNextBlockTimestamp", Parameter("timestamp", parameters.number))
    def set_next_block_timestamp(self, timestamp: int) -> None:
        """Give the next block this timestamp; later blocks go on from there."""
        head = self._backend.head()
        if timestamp <= head.timestamp:
            raise InvalidParameter(
                f"timestamp {timestamp} is not after the head's {head.timestamp}"
            )
        self._chain.clock.next_timestamp = timestamp

    @rpc("evm_setAutomine", Parameter("enabled", parameters.boolean))
    @rpc("anvil_setAutomine", Parameter("enabled", parameters.boolean))
    def set_automine(self, enabled: bool) -> None:
        """Mine a block for every transaction that arrives, or stop doing so."""
        self._chain.automine = enabled

    @rpc("anvil_getAutomine")
    def get_automine(self) -> bool:
        """Whether a block is mined for every transaction."""
        return self._chain.automine

    @rpc("evm_setIntervalMining", Parameter("milliseconds", parameters.number))
    def set_interval_mining(self, milliseconds: int) -> None:
        """Mine at an interval; 0 stops."""
        self._chain.set_interval(milliseconds / 1000)

    @rpc("anvil_setIntervalMining", Parameter("seconds", _seconds))
    def set_interval_mining_seconds(self, seconds: float) -> None:
        """Mine at an interval; 0 stops."""
        self._chain.set_interval(seconds)

    @rpc("evm_snapshot")
    @rpc("anvil_snapshot")
    def snapshot(self) -> str:
        """Remember the head."""
        return quantity(self._chain.snapshot())

    @rpc("evm_revert", Parameter("snapshot", parameters.number))
    @rpc("anvil_revert", Parameter("snapshot", parameters.number))
    async def revert(self, number: int) -> bool:
        """Go back to a snapshot."""
        return await self._chain.revert(number)

    @rpc("anvil_reorg", Parameter("depth", _reorg_depth), Parameter("transactions", _placed, ()))
    async def reorg(self, depth: int, placed: list[tuple[SignedTransaction, int]]) -> None:
        """Replace the last blocks by others at the same heights."""
        await self._chain.reorg(depth, placed)

    @rpc("anvil_setBalance", _ADDRESS, _VALUE)
    @rpc("hardhat_setBalance", _ADDRESS, _VALUE)
    async def set_balance(self, account: Address, balance_wei: int) -> None:
        """Set a balance."""
        await self._chain.patch(lambda state: state.set_balance(account, balance_wei))

    @rpc("anvil_setNonce", _ADDRESS, _VALUE)
    @rpc("hardhat_setNonce", _ADDRESS, _VALUE)
    async def set_nonce(self, account: Address, nonce: int) -> None:
        """Set a nonce."""
        await self._chain.patch(lambda state: state.set_nonce(account, nonce))

    @rpc("anvil_setCode", _ADDRESS, Parameter("code", parameters.hex_bytes))
    @rpc("hardhat_setCode", _ADDRESS, Parameter("code", parameters.hex_bytes))
    async def set_code(self, account: Address, code: bytes) -> None:
        """Set the code."""
        await self._chain.patch(lambda state: state.set_code(account, code))

    @rpc("anvil_setStorageAt", _ADDRESS, Parameter("slot", parameters.storage_slot),
         Parameter("value", parameters.storage_slot))  # fmt: skip
    @rpc("hardhat_setStorageAt", _ADDRESS, Parameter("slot", parameters.storage_slot),
         Parameter("value", parameters.storage_slot))  # fmt: skip
    async def set_storage_at(self, account: Address, slot: int, value: int) -> bool:
        """Set a storage slot."""
        await self._chain.patch(lambda state: state.set_storage(account, slot, value))
        return True

    @rpc("anvil_impersonateAccount", _ADDRESS)
    @rpc("hardhat_impersonateAccount", _ADDRESS)
    def impersonate_account(self, account: Address) -> None:
        """Let eth_sendTransaction send for an account without its key. It may have no code
        (EIP-3607).
        """
        self._backend.impersonated.add(account)

    @rpc("anvil_stopImpersonatingAccount", _ADDRESS)
    @rpc("hardhat_stopImpersonatingAccount", _ADDRESS)
    def stop_impersonating_account(self, account: Address) -> None:
        """Send for an account no longer."""
        self._backend.impersonated.discard(account)

    @rpc("anvil_dropTransaction", Parameter("hash", parameters.hash32))
    def drop_transaction(self, transaction_hash: bytes) -> str | None:
        """Take a transaction out of the pool; its hash, or null."""
        pool = self._backend.pool
        found = pool.get(parameters.hash32("0x" + transaction_hash.hex()))
        if found is None:
            return None
        pool.remove([found.hash])
        return data(found.hash)

    @rpc("anvil_nodeInfo")
    def node_info(self) -> Json:
        """Head and fees, in anvil's shape."""
        head = self._backend.head()
        return {
            "currentBlockNumber": quantity(head.number),
            "currentBlockTimestamp": head.timestamp,
            "currentBlockHash": data(head.hash),
            "hardFork": "prague",
            "transactionOrder": "fees",
            "environment": {
                "baseFee": quantity(head.base_fee_per_gas or 0),
                "chainId": self._backend.chain_id,
                "gasLimit": quantity(head.gas_limit),
                "gasPrice": quantity(self._backend.next_base_fee()),
            },
            "forkConfig": {},
            "clientVersion": client_version(),
        }
