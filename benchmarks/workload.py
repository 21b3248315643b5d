"""The transactions that every engine is given: the same senders, amounts and bytecode.

Signed before any clock starts. Knows nothing of engines.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chain.crypto.keccak import keccak256
from chain.crypto.secp256k1 import address_of
from chain.transaction import DynamicFeeTransaction, sign_transaction
from chain.types import Address

SENDERS = 50
GAS_PRICE_WEI = 20_000_000_000
FUNDS_WEI = 10**20
MINTED = 10**24
KEYS = [keccak256(b"benchmark sender %d" % index) for index in range(SENDERS)]
ADDRESSES = [address_of(key) for key in KEYS]
MINT, TRANSFER = bytes.fromhex("40c10f19"), bytes.fromhex("a9059cbb")
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Signer:
    """One key on one chain."""

    key: bytes
    chain_id: int

    def sign(self, nonce: int, to: Address | None, value: int, data: bytes, gas: int) -> bytes:
        """One signed transaction in raw form; `to` None creates a contract."""
        unsigned = DynamicFeeTransaction(
            chain_id=self.chain_id,
            nonce=nonce,
            max_priority_fee_per_gas=1,
            max_fee_per_gas=GAS_PRICE_WEI,
            gas_limit=gas,
            to=to,
            value=value,
            data=data,
            access_list=(),
            y_parity=0,
            r=0,
            s=0,
        )
        return sign_transaction(unsigned, self.key).encode()


def token_bytecode() -> bytes:
    """Creation code of token.vy, by the pinned compiler."""
    import vyper

    source = (HERE / "token.vy").read_text()
    compiled = vyper.compile_code(source, output_formats=["bytecode"])
    return bytes.fromhex(compiled["bytecode"].removeprefix("0x"))


def create_address(sender: Address, nonce: int) -> Address:
    """Where a contract created by this sender at this nonce lands."""
    from chain.rlp import encode, encode_int

    return Address(keccak256(encode([sender, encode_int(nonce)]))[12:])


def recipients(turn: int, count: int) -> list[Address]:
    """New accounts for each transfer of each turn: every transfer writes two accounts."""
    indexes = range(turn * count, (turn + 1) * count)
    return [Address(keccak256(b"recipient %d" % index)[12:]) for index in indexes]


def ether_transfers(chain_id: int, turn: int, count: int, first_nonce: int) -> list[bytes]:
    """So many signed value transfers, senders in turn."""
    signers = [Signer(key, chain_id) for key in KEYS]
    return [
        signers[index % SENDERS].sign(first_nonce + index // SENDERS, to, 1, b"", 21_000)
        for index, to in enumerate(recipients(turn, count))
    ]


def token_transfers(
    chain_id: int, token: Address, turn: int, count: int, first_nonce: int
) -> list[bytes]:
    """So many signed ERC-20 transfers, senders in turn."""
    signers = [Signer(key, chain_id) for key in KEYS]
    return [
        signers[index % SENDERS].sign(
            first_nonce + index // SENDERS,
            token,
            0,
            TRANSFER + to.rjust(32, b"\0") + (1).to_bytes(32, "big"),
            100_000,
        )
        for index, to in enumerate(recipients(turn, count))
    ]


def funding(chain_id: int, key: bytes, nonce: int) -> list[bytes]:
    """Transfers of FUNDS_WEI from one rich account to every sender."""
    rich = Signer(key, chain_id)
    return [
        rich.sign(nonce + index, address, FUNDS_WEI, b"", 21_000)
        for index, address in enumerate(ADDRESSES)
    ]


def token_set_up(chain_id: int, deployer_key: bytes, nonce: int) -> tuple[Address, list[bytes]]:
    """The token's address, and the transactions that deploy it and mint to every sender."""
    deployer = Signer(deployer_key, chain_id)
    token = create_address(address_of(deployer_key), nonce)
    raws = [deployer.sign(nonce, None, 0, token_bytecode(), 3_000_000)]
    for index, address in enumerate(ADDRESSES):
        data = MINT + address.rjust(32, b"\0") + MINTED.to_bytes(32, "big")
        raws.append(deployer.sign(nonce + 1 + index, token, 0, data, 200_000))
    return token, raws
