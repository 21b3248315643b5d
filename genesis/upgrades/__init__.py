"""What the OP Stack's forks deploy when a running chain activates them: transactions and code.

A fork's upgrade transactions are deposits that derivation puts behind the L1 attributes and the
user deposits of the fork's first block. Contracts are those of the field, given as bytecode
(`bytecode.json`): a chain that activates a fork has to run exactly these. A chain that begins with
a fork has none of it. Knows nothing of when a fork activates.

Source: specs protocol/{ecotone,fjord,isthmus,jovian}/derivation.md, Network upgrade transactions;
protocol/deposits.md, Source hash computation; protocol/predeploys.md, Create2Deployer (Canyon).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, cast

from chain import rlp
from chain.crypto.keccak import keccak256
from chain.errors import StemmaError
from chain.transaction import DepositTransaction
from chain.types import ZERO_ADDRESS, Address, Hash32, to_address

from ..addresses import (
    GAS_PRICE_ORACLE,
    L1_ATTRIBUTES_DEPOSITOR,
    L1_BLOCK,
    OPERATOR_FEE_VAULT,
)

CREATE2_DEPLOYER: Final = to_address("0x13b0D85CcB8bf860b6b79AF3029fCA081AE9beF2")
_SOURCE_DOMAIN: Final = (2).to_bytes(32, "big")
_UPGRADE_TO: Final = bytes.fromhex("3659cfe6")
"""upgradeTo(address), which a proxy takes from the zero address."""
_PROXY_UPDATE_GAS: Final = 50_000
_BLOCK_ROOTS_DEPLOYER: Final = to_address("0x0B799C86a49DEeb90402691F1041aa3AF2d3C875")
_BLOCK_HASHES_DEPLOYER: Final = to_address("0x3462413Af4609098e1E27A490f554f260213D685")


class UnknownUpgrade(StemmaError):
    """A fork whose upgrade transactions this program does not have."""


@dataclass(frozen=True, slots=True)
class _Deployment:
    """A contract deployed from an account of its own, with nonce 0. Gas in gas units."""

    intent: str
    deployer: Address
    gas: int
    code: str
    """Its name in bytecode.json."""


@dataclass(frozen=True, slots=True)
class _ProxyUpdate:
    """A predeploy's proxy pointed at what `deployer` has deployed."""

    intent: str
    proxy: Address
    deployer: Address


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of the L1-attributes depositor."""

    intent: str
    to: Address
    gas: int
    selector: str


_Step = _Deployment | _ProxyUpdate | _Call


def _deployer(number: int) -> Address:
    """The account 0x4210...0N that deploys an implementation."""
    return Address(b"\x42\x10" + number.to_bytes(18, "big"))


_STEPS: Final[dict[str, tuple[_Step, ...]]] = {
    "ecotone": (
        _Deployment("L1 Block Deployment", _deployer(0), 375_000, "L1Block"),
        _Deployment("Gas Price Oracle Deployment", _deployer(1), 1_000_000, "GasPriceOracle"),
        _ProxyUpdate("L1 Block Proxy Update", L1_BLOCK, _deployer(0)),
        _ProxyUpdate("Gas Price Oracle Proxy Update", GAS_PRICE_ORACLE, _deployer(1)),
        _Call("Gas Price Oracle Set Ecotone", GAS_PRICE_ORACLE, 80_000, "22b90ab3"),
        _Deployment(
            "beacon block roots contract deployment", _BLOCK_ROOTS_DEPLOYER, 250_000, "EIP-4788"
        ),
    ),
    "fjord": (
        _Deployment("Gas Price Oracle Deployment", _deployer(2), 1_450_000, "GasPriceOracle"),
        _ProxyUpdate("Gas Price Oracle Proxy Update", GAS_PRICE_ORACLE, _deployer(2)),
        _Call("Gas Price Oracle Set Fjord", GAS_PRICE_ORACLE, 90_000, "8e98b106"),
    ),
    "isthmus": (
        _Deployment("L1 Block Deployment", _deployer(3), 425_000, "L1Block"),
        _Deployment("Gas Price Oracle Deployment", _deployer(4), 1_625_000, "GasPriceOracle"),
        _Deployment("Operator Fee Vault Deployment", _deployer(5), 500_000, "OperatorFeeVault"),
        _ProxyUpdate("L1 Block Proxy Update", L1_BLOCK, _deployer(3)),
        _ProxyUpdate("Gas Price Oracle Proxy Update", GAS_PRICE_ORACLE, _deployer(4)),
        _ProxyUpdate("Operator Fee Vault Proxy Update", OPERATOR_FEE_VAULT, _deployer(5)),
        _Call("Gas Price Oracle Set Isthmus", GAS_PRICE_ORACLE, 90_000, "291b0383"),
        _Deployment("EIP-2935 Contract Deployment", _BLOCK_HASHES_DEPLOYER, 250_000, "EIP-2935"),
    ),
    "jovian": (
        _Deployment("L1Block Deployment", _deployer(6), 447_315, "L1Block"),
        _ProxyUpdate("L1Block Proxy Update", L1_BLOCK, _deployer(6)),
        _Deployment("GasPriceOracle Deployment", _deployer(7), 1_750_714, "GasPriceOracle"),
        _ProxyUpdate("GasPriceOracle Proxy Update", GAS_PRICE_ORACLE, _deployer(7)),
        _Call("Gas Price Oracle Set Jovian", GAS_PRICE_ORACLE, 90_000, "b3d72079"),
    ),
}
_WITHOUT: Final = ("regolith", "canyon", "delta", "granite", "holocene")


def upgrade_transactions(fork: str) -> tuple[DepositTransaction, ...]:
    """The deposits of the block that activates a fork ("ecotone", ...), in their order.

    Raises UnknownUpgrade for a fork that has some which are not known here: Karst and later.
    """
    if fork in _WITHOUT:
        return ()
    if fork not in _STEPS:
        raise UnknownUpgrade(
            f"{fork}: its upgrade transactions are not known to this program, so a chain that was "
            f"begun before {fork} cannot be followed past its activation"
        )
    return tuple(_deposit(fork, step) for step in _STEPS[fork])


def upgrade_source_hash(intent: str) -> Hash32:
    """The source hash of an upgrade deposit (domain 2)."""
    return keccak256(_SOURCE_DOMAIN + keccak256(intent.encode()))


def create2_deployer_code() -> bytes:
    """The code that Canyon's first block puts at CREATE2_DEPLOYER, without a transaction."""
    return _bytecode("canyon create2Deployer")


def _deposit(fork: str, step: _Step) -> DepositTransaction:
    sender, to, gas, data = _fields(fork, step)
    return DepositTransaction(
        source_hash=upgrade_source_hash(f"{fork.capitalize()}: {step.intent}"),
        sender=sender,
        to=to,
        mint=0,
        value=0,
        gas_limit=gas,
        is_system_transaction=False,
        data=data,
    )


def _fields(fork: str, step: _Step) -> tuple[Address, Address | None, int, bytes]:
    """Sender, recipient, gas and data of an upgrade deposit."""
    if isinstance(step, _Deployment):
        return step.deployer, None, step.gas, _bytecode(f"{fork} {step.code}")
    if isinstance(step, _ProxyUpdate):
        implementation = _first_contract_of(step.deployer)
        data = _UPGRADE_TO + implementation.rjust(32, b"\x00")
        return ZERO_ADDRESS, step.proxy, _PROXY_UPDATE_GAS, data
    return L1_ATTRIBUTES_DEPOSITOR, step.to, step.gas, bytes.fromhex(step.selector)


def _first_contract_of(deployer: Address) -> Address:
    """Where the account puts what it creates with nonce 0."""
    return Address(keccak256(rlp.encode([deployer, b""]))[12:])


@cache
def _bytecodes() -> dict[str, str]:
    text = (resources.files(__name__) / "bytecode.json").read_text(encoding="utf-8")
    return cast("dict[str, str]", json.loads(text))


def _bytecode(name: str) -> bytes:
    return bytes.fromhex(_bytecodes()[name][2:])
