"""The blocks that `execution.py` gives to every machine: raw transactions, signed beforehand.

Each workload has a set-up, which is not timed, and a load, which is. Knows no machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from workload import (
    ADDRESSES,
    HERE,
    KEYS,
    MINT,
    SENDERS,
    Signer,
    create_address,
    ether_transfers,
    token_bytecode,
    token_set_up,
    token_transfers,
)

from chain.abi import encode, selector
from chain.crypto.keccak import keccak256
from chain.crypto.secp256k1 import address_of
from chain.types import Address

CHAIN_ID = 1337
DEPLOYER_KEY = keccak256(b"benchmark deployer")
DEPLOYER = address_of(DEPLOYER_KEY)
TRANSFERS = 1_000
SWAPS = 500
LIQUIDITY = 10**30
APPROVE = selector("approve(address,uint256)")
ROUNDS = {"arithmetic": 60_000, "hashes": 25_000, "storage_words": 15_000}
"""Between 5 and 12 Mgas each."""


@dataclass(frozen=True)
class Workload:
    """Raw transactions; `counts` is what its row counts: transactions or Mgas."""

    row: str
    set_up: tuple[bytes, ...]
    load: tuple[bytes, ...]
    counts_gas: bool


@cache
def bytecode(name: str) -> bytes:
    """Creation code of a contract beside this file, by the pinned compiler."""
    import vyper

    source = (HERE / name).read_text()
    compiled = vyper.compile_code(source, output_formats=["bytecode"])
    return bytes.fromhex(compiled["bytecode"].removeprefix("0x"))


def loop(row: str, function: str) -> Workload:
    """One transaction that repeats one thing."""
    deployer = Signer(DEPLOYER_KEY, CHAIN_ID)
    target = create_address(DEPLOYER, 0)
    data = selector(f"{function}(uint256)") + encode(["uint256"], [ROUNDS[function]])
    return Workload(
        row,
        (deployer.sign(0, None, 0, bytecode("loops.vy"), 3_000_000),),
        (deployer.sign(1, target, 0, data, 30_000_000),),
        counts_gas=True,
    )


def ether() -> Workload:
    """Value transfers to new accounts."""
    load = ether_transfers(CHAIN_ID, 0, TRANSFERS, 0)
    return Workload("transfers/s", (), tuple(load), counts_gas=False)


def token() -> Workload:
    """ERC-20 transfers to new holders."""
    address, set_up = token_set_up(CHAIN_ID, DEPLOYER_KEY, 0)
    load = token_transfers(CHAIN_ID, address, 0, TRANSFERS, 0)
    return Workload("ERC-20 transfers/s", tuple(set_up), tuple(load), counts_gas=False)


def swaps() -> Workload:
    """Swaps in both directions by all senders; three contracts and four calls each."""
    deployer = Signer(DEPLOYER_KEY, CHAIN_ID)
    tokens = [create_address(DEPLOYER, nonce) for nonce in (0, 1)]
    pool = create_address(DEPLOYER, 2)
    creation = bytecode("pool.vy") + encode(["address", "address"], tokens)
    calls: list[tuple[Address | None, bytes]] = [
        (None, token_bytecode()),
        (None, token_bytecode()),
        (None, creation),
    ]
    for each in tokens:
        for receiver, amount in ((pool, LIQUIDITY), *[(sender, 10**24) for sender in ADDRESSES]):
            calls.append((each, MINT + encode(["address", "uint256"], [receiver, amount])))
    calls.append((pool, selector("sync()")))
    set_up = [
        deployer.sign(nonce, to, 0, data, 3_000_000) for nonce, (to, data) in enumerate(calls)
    ]
    signers = [Signer(key, CHAIN_ID) for key in KEYS]
    approval = APPROVE + encode(["address", "uint256"], [pool, 2**255])
    for nonce, each in enumerate(tokens):
        set_up += [signer.sign(nonce, each, 0, approval, 100_000) for signer in signers]
    swap = selector("swap(uint256,bool)")
    load = [
        signers[index % SENDERS].sign(
            2 + index // SENDERS,
            pool,
            0,
            swap + encode(["uint256", "bool"], [10**18 + index, index % 2 == 0]),
            400_000,
        )
        for index in range(SWAPS)
    ]
    return Workload("Vyper swap, Mgas/s", tuple(set_up), tuple(load), counts_gas=True)


def all_workloads() -> list[Workload]:
    """In the order of the table."""
    return [
        ether(),
        token(),
        loop("arithmetic loop, Mgas/s", "arithmetic"),
        loop("keccak loop, Mgas/s", "hashes"),
        loop("storage loop, Mgas/s", "storage_words"),
        swaps(),
    ]
