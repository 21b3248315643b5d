"""A small L2 or L1 to execute on: funded keys, prices in L1Block, an engine over memory."""

from __future__ import annotations

from dataclasses import replace

from chain.block import Block
from chain.crypto.secp256k1 import address_of
from chain.receipt import Receipt
from chain.state import StateChanges
from chain.storage import ChainStore, MemoryStore
from chain.transaction import DepositTransaction, DynamicFeeTransaction, sign_transaction
from chain.types import Address, Hash32
from evm.engine import ExecutionEngine
from evm.executor import ExecutionResult, PayloadAttributes
from evm.forks import OPTIMISM
from genesis import addresses
from genesis.allocation import (
    GenesisAccount,
    GenesisSpec,
    genesis_block,
    l1_contracts,
    system_contracts,
)
from genesis.config import ChainConfig, ForkTimes

KEYS = tuple(number.to_bytes(32, "big") for number in range(1, 7))
USERS = tuple(address_of(key) for key in KEYS)
STRANGER = Address(b"\x5a" * 20)
FUNDS = 10**20
GAS_LIMIT = 30_000_000
BASE_FEE = 10**9
L1_PRICES = {
    1: 5 * 10**9,  # L1 base fee
    3: (5_000 << 96) | (800_000 << 64),  # scalars
    7: 3,  # L1 blob base fee
    8: (250_000 << 64) | 77,  # operator fee: 0.25 wei a gas and 77 wei
}
BEDROCK_PRICES = {1: 5 * 10**9, 5: 188, 6: 684_000}
"""L1 base fee, overhead and scalar."""
JOVIAN_PRICES = {**L1_PRICES, 8: (400 << 96) | (250_000 << 64) | 77}
"""With 400 gas a byte."""
L2_CONFIG = ChainConfig.optimism(901)
L1_CONFIG = ChainConfig.ethereum(900)


def optimism_config(fork: str, since: int = 0) -> ChainConfig:
    """A chain under the rules of a fork from a time on, and those of the one before until then."""
    names = [name for name, _ in reversed(OPTIMISM)]
    if fork == "bedrock":
        return replace(L2_CONFIG, forks=ForkTimes())
    times = dict.fromkeys(names[: names.index(fork)], 0) | {fork: since}
    for ethereum, optimism in (
        ("shanghai", "canyon"),
        ("cancun", "ecotone"),
        ("prague", "isthmus"),
    ):
        times[ethereum] = times.get(optimism)
    return replace(L2_CONFIG, forks=ForkTimes(**times))


def genesis(config: ChainConfig, extra: dict | None = None) -> tuple[Block, StateChanges]:
    """A genesis block with funded users, system contracts and, on an L2, natives and prices."""
    alloc = {user: GenesisAccount(balance=FUNDS) for user in USERS}
    alloc |= system_contracts() if config.is_optimism else l1_contracts()
    if config.is_optimism:
        for native in addresses.NATIVE_PRECOMPILES.values():
            alloc[native] = GenesisAccount(nonce=1, code=b"\xfe")
        alloc[addresses.L1_BLOCK] = GenesisAccount(nonce=1, code=b"\x00", storage=L1_PRICES)
    alloc |= extra or {}
    return genesis_block(
        GenesisSpec(
            config=config,
            alloc=alloc,
            timestamp=1_700_000_000,
            gas_limit=GAS_LIMIT,
            base_fee_per_gas=BASE_FEE,
        )
    )


def engine(config: ChainConfig = L2_CONFIG, extra: dict | None = None) -> ExecutionEngine:
    """A chain of one block in memory."""
    return ExecutionEngine.open(ChainStore(MemoryStore()), config, genesis(config, extra))


def attributes(chain: ExecutionEngine, *transactions, **changes) -> PayloadAttributes:
    """Attributes of the child of the unsafe head."""
    parent = chain.header(chain.heads.unsafe.hash)
    values = {
        "parent_hash": parent.hash,
        "timestamp": parent.timestamp + 2,
        "prev_randao": Hash32(b"\x0d" * 32),
        "fee_recipient": addresses.SEQUENCER_FEE_VAULT,
        "gas_limit": parent.gas_limit,
        "parent_beacon_block_root": Hash32(b"\x0b" * 32),
        "transactions": transactions,
    }
    return PayloadAttributes(**values | changes)


def run(chain: ExecutionEngine, *transactions, **changes) -> ExecutionResult:
    """Build a block of these transactions and commit it."""
    result = chain.build(attributes(chain, *transactions, **changes))
    chain.commit(result)
    return result


def send(
    user: int,
    nonce: int,
    to: Address | None = STRANGER,
    *,
    value: int = 0,
    data: bytes = b"",
    gas: int = 100_000,
    chain_id: int = 901,
    tip: int = 10**8,
    cap: int = 3 * 10**9,
) -> DynamicFeeTransaction:
    """A signed transaction of one of the users."""
    unsigned = DynamicFeeTransaction(chain_id, nonce, tip, cap, gas, to, value, data)
    return sign_transaction(unsigned, KEYS[user])


def deposit(
    sender: Address,
    to: Address | None = STRANGER,
    *,
    mint: int = 0,
    value: int = 0,
    gas: int = 100_000,
    data: bytes = b"",
    salt: int = 0,
    is_system: bool = False,
) -> DepositTransaction:
    """A deposit as a portal would make it."""
    source = Hash32(salt.to_bytes(32, "big"))
    return DepositTransaction(source, sender, to, mint, value, gas, is_system, data)


def deploying(runtime: bytes) -> bytes:
    """Init code that returns `runtime`."""
    size = len(runtime).to_bytes(2, "big")
    return b"\x61" + size + bytes.fromhex("80600a5f395ff3") + runtime


def gas_used(receipts: tuple[Receipt, ...], index: int) -> int:
    """Gas of one transaction of a block."""
    before = receipts[index - 1].cumulative_gas_used if index else 0
    return receipts[index].cumulative_gas_used - before
