"""What `execution_table.py` gives to every machine: raw transactions, signed beforehand.

Each workload has a set-up, which is not timed, and a load, which is; both are blocks by themselves.
Knows no machine.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from workload import (
    ADDRESSES,
    HERE,
    KEYS,
    MINT,
    MINTED,
    TRANSFER,
    Signer,
    create_address,
    ether_transfers,
    recipients,
    token_bytecode,
    token_set_up,
    token_transfers,
)

from chain.abi import encode, selector
from chain.crypto.keccak import keccak256
from chain.crypto.secp256k1 import address_of, sign
from chain.types import Address

CHAIN_ID = 1337
DEPLOYER_KEY = keccak256(b"benchmark deployer")
DEPLOYER = address_of(DEPLOYER_KEY)
TRANSFERS = 1_000
SWAPS = 300
LIQUIDITY = 10**30
APPROVE = selector("approve(address,uint256)")
SWAP = selector("swap(uint256,bool)")
ROUNDS = {"arithmetic": 40_000, "hashes": 12_000, "storage_words": 10_000}
"""Some 4 Mgas each: below a second for the slowest but one, some ten for EELS."""
MIXED = {"transfers": 182, "tokens": 120, "swaps": 70, "deployments": 4}
"""Transactions in the mixed block, beside six with loops: 20 Mgas."""
PROOF = (
    (1, 2),
    (
        0x198E9393920D483A7260BFB731FB5D25F1AA493335A9E71297E485B7AEF312C2,
        0x1800DEEF121F1E76426A00665E5C4479674322D4F75EDADD46DEBD5CD992F6ED,
        0x090689D0585FF075EC9E99AD690C3395BC4B313370B38EF355ACDADCD122975B,
        0x12C85EA5DB8C6DEB4AAB71808DCB408FE3D1E7690C43D37B4CE6CC0166FA7DAA,
    ),
    (1, 0x30644E72E131A029B85045B68181585D97816A916871CA8D3C208C16D87CFD45),
)
"""Two points of alt_bn128's first group, one minus the other, around one of the second."""

Unit = Literal["transactions/s", "Mgas/s", "ms"]


@dataclass(frozen=True)
class Workload:
    """Raw transactions in two blocks; a row in ms is the import of the second as a block."""

    row: str
    unit: Unit
    set_up: tuple[bytes, ...]
    load: tuple[bytes, ...]


class Purse:
    """Signs for the senders in turn and for the deployer, and counts their nonces."""

    def __init__(self) -> None:
        self._nonces: Counter[bytes] = Counter()
        self._turn = itertools.cycle(KEYS)

    def deploy(self, code: bytes) -> tuple[Address, bytes]:
        """Where the contract will be, and the transaction that creates it."""
        address = create_address(DEPLOYER, self._nonces[DEPLOYER_KEY])
        return address, self.sign(DEPLOYER_KEY, None, code, 3_000_000)

    def sign(self, key: bytes, to: Address | None, data: bytes, gas: int, value: int = 0) -> bytes:
        """The next transaction of this key."""
        nonce = self._nonces[key]
        self._nonces[key] += 1
        return Signer(key, CHAIN_ID).sign(nonce, to, value, data, gas)

    def by_turns(self, to: Address, data: bytes, gas: int, value: int = 0) -> bytes:
        """The same of whichever sender's turn it is."""
        return self.sign(next(self._turn), to, data, gas, value)


@cache
def bytecode(name: str) -> bytes:
    """Creation code of a contract beside this file, by the pinned compiler."""
    import vyper

    source = (HERE / name).read_text()
    compiled = vyper.compile_code(source, output_formats=["bytecode"])
    return bytes.fromhex(compiled["bytecode"].removeprefix("0x"))


def loop_call(function: str, rounds: int) -> bytes:
    """Calldata of a function of loops.vy."""
    return selector(f"{function}(uint256)") + encode(["uint256"], [rounds])


def loop(row: str, function: str) -> Workload:
    """One transaction that repeats one thing."""
    purse = Purse()
    target, creation = purse.deploy(bytecode("loops.vy"))
    data = loop_call(function, ROUNDS[function])
    call = purse.sign(DEPLOYER_KEY, target, data, 16_000_000)
    return Workload(row, "Mgas/s", (creation,), (call,))


def ether() -> Workload:
    """Value transfers to new accounts."""
    load = ether_transfers(CHAIN_ID, 0, TRANSFERS, 0)
    return Workload("transfers/s", "transactions/s", (), tuple(load))


def token() -> Workload:
    """ERC-20 transfers to new holders."""
    address, set_up = token_set_up(CHAIN_ID, DEPLOYER_KEY, 0)
    load = token_transfers(CHAIN_ID, address, 0, TRANSFERS, 0)
    return Workload("ERC-20 transfers/s", "transactions/s", tuple(set_up), tuple(load))


@dataclass(frozen=True)
class Exchange:
    """Two tokens that every sender has and has allowed a pool to take."""

    tokens: tuple[Address, Address]
    pool: Address
    set_up: tuple[bytes, ...]


def exchange(purse: Purse) -> Exchange:
    """Deploy a pool with its tokens, fill it, and let the senders trade."""
    first, creation = purse.deploy(token_bytecode())
    second, other_creation = purse.deploy(token_bytecode())
    tokens = (first, second)
    pool, pool_creation = purse.deploy(bytecode("pool.vy") + encode(["address"] * 2, tokens))
    set_up = [creation, other_creation, pool_creation]
    for each in tokens:
        for holder, amount in ((pool, LIQUIDITY), *((sender, MINTED) for sender in ADDRESSES)):
            data = MINT + encode(["address", "uint256"], [holder, amount])
            set_up.append(purse.sign(DEPLOYER_KEY, each, data, 200_000))
    set_up.append(purse.sign(DEPLOYER_KEY, pool, selector("sync()"), 200_000))
    approval = APPROVE + encode(["address", "uint256"], [pool, 2**255])
    for each in tokens:
        set_up += [purse.sign(key, each, approval, 100_000) for key in KEYS]
    return Exchange(tokens, pool, tuple(set_up))


def swap_call(index: int) -> bytes:
    """Calldata of a swap, in one direction and the other by turns."""
    return SWAP + encode(["uint256", "bool"], [10**18 + index, index % 2 == 0])


def swaps() -> Workload:
    """Swaps in both directions by all senders; three contracts and four calls each."""
    purse = Purse()
    market = exchange(purse)
    load = [purse.by_turns(market.pool, swap_call(index), 400_000) for index in range(SWAPS)]
    return Workload("Vyper swap, Mgas/s", "Mgas/s", market.set_up, tuple(load))


def mixed() -> Workload:
    """A block as chains have them: all of the above, creations and precompiles, interleaved."""
    purse = Purse()
    market = exchange(purse)
    loops, loops_creation = purse.deploy(bytecode("loops.vy"))
    natives, natives_creation = purse.deploy(bytecode("precompiles.vy"))
    parts = [
        transfers_part(purse),
        tokens_part(purse, market),
        (purse.by_turns(market.pool, swap_call(i), 400_000) for i in range(MIXED["swaps"])),
        (purse.deploy(token_bytecode())[1] for _ in range(MIXED["deployments"])),
        (purse.by_turns(to, data, 4_000_000) for to, data in loop_calls(loops, natives)),
    ]
    load = [raw for turn in itertools.zip_longest(*parts) for raw in turn if raw is not None]
    set_up = (*market.set_up, loops_creation, natives_creation)
    return Workload("20-Mgas mixed block, ms", "ms", set_up, tuple(load))


def transfers_part(purse: Purse) -> Iterator[bytes]:
    """Ether to new accounts."""
    for to in recipients(7, MIXED["transfers"]):
        yield purse.by_turns(to, b"", 21_000, 1)


def tokens_part(purse: Purse, market: Exchange) -> Iterator[bytes]:
    """Tokens of two kinds to new holders."""
    for index, to in enumerate(recipients(8, MIXED["tokens"])):
        data = TRANSFER + encode(["address", "uint256"], [to, 1])
        yield purse.by_turns(market.tokens[index % 2], data, 100_000)


def loop_calls(loops: Address, natives: Address) -> Iterator[tuple[Address, bytes]]:
    """Storage, hashes, and each kind of precompile."""
    yield loops, loop_call("storage_words", 2_000)
    yield loops, loop_call("hashes", 3_000)
    digest = keccak256(b"benchmark digest")
    signature = sign(digest, DEPLOYER_KEY)
    signed = [digest, 27 + signature.y_parity, signature.r, signature.s]
    types = ["uint256", "bytes32", "uint256", "uint256", "uint256"]
    yield (
        natives,
        selector(f"hashes_and_signatures({','.join(types)})") + encode(types, [120, *signed]),
    )
    yield natives, loop_call("curve", 30)
    yield natives, loop_call("powers", 200)
    point, other_group, opposite = PROOF
    words = (*point, *other_group, *opposite, *other_group)
    proof = b"".join(word.to_bytes(32, "big") for word in words)
    yield natives, selector("proof(bytes)") + encode(["bytes"], [proof])


def all_workloads() -> list[Workload]:
    """In the order of the table."""
    return [
        ether(),
        token(),
        loop("arithmetic loop, Mgas/s", "arithmetic"),
        loop("keccak loop, Mgas/s", "hashes"),
        loop("storage loop, Mgas/s", "storage_words"),
        swaps(),
        mixed(),
    ]
