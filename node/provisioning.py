"""Founding a development rollup on an L1: anchor, genesis, rollup config, settlement contracts.

The anchor and the deployer's nonce decide every address, so the files are written first and the
contracts follow; a start that was cut short is taken up where it stopped.
"""

from __future__ import annotations

import ipaddress
import logging
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from chain.errors import StemmaError
from chain.heads import BlockId
from chain.transaction import DynamicFeeTransaction, sign_transaction
from chain.types import Address, to_address
from evm.forks import rules_at
from evm.step_rules import step_rules_of
from genesis.allocation import (
    GenesisSpec,
    L1Anchor,
    L1Bridges,
    dev_l1_genesis,
    genesis_block,
    l2_genesis,
    rollup_config,
)
from genesis.config import RollupConfig
from genesis.dev_accounts import DEV_BALANCE_WEI, dev_account, dev_accounts
from genesis.presets import L2Preset, l2_preset
from rollup.l1.block import PRAGUE_BLOB_BASE_FEE_UPDATE_FRACTION
from rollup.settlement.deploy import (
    CONTRACTS,
    DeploymentFees,
    SettlementParameters,
    deployment_transactions,
    settlement_addresses,
)
from rollup.settlement.inputs import CONTRACTS as INPUTS_CONTRACTS
from rollup.settlement.inputs import inputs_addresses, inputs_creations
from rollup.settlement.step_verifier import (
    ROUTER,
    ForkRules,
    fork_rules,
    verifier_creations,
    verifier_transactions,
)
from rollup.wire.output_root import output_of_header

from .l1.decoding import header_from_json
from .l1.fee_bumping import initial_fees
from .l1.json_rpc import JsonRpcClient, L1CallFailed
from .l1.transactions import L1Request, L1Sender
from .specification_files import (
    GENESIS_FILE,
    ROLLUP_FILE,
    read_json,
    read_specification,
    write_json,
)

logger = logging.getLogger("stemma.provision")

_DEPLOYMENT_FILE = "deployment.json"
_DEV_PRESET = "devnet"
_DISPUTED_CLOCK_S, _DISPUTED_EXTENSION_S = 300, 30
"""Where a lie is planted: one machine makes the 29 moves of both sides beside everything else."""
_FUNDED_ROLES = ("deployer", "batcher", "proposer", "challenger")
_MINIMUM_WEI = 10**18
_FUNDING_WEI = DEV_BALANCE_WEI // 100
_TRANSFER_GAS = 21_000

# Chains where the published development keys would lose somebody's money.
PUBLIC_CHAIN_IDS = frozenset(
    {1, 10, 56, 100, 137, 324, 8453, 42161, 43114, 59144, 81457, 534352}
    | {5, 17000, 560048, 11155111, 11155420, 84532, 421614}
)


class DevKeysRefused(StemmaError):
    """The published development keys would be used where others can reach them."""


class DifferentL1(StemmaError):
    """The data directory belongs to a rollup on another L1."""


@dataclass(frozen=True, slots=True)
class Founded:
    """What the node needs to know of the rollup it runs."""

    config: RollupConfig
    genesis: GenesisSpec


def dev_preset(block_time_s: int) -> L2Preset:
    """The preset of `stemma dev`, with another block time."""
    return replace(l2_preset(_DEV_PRESET), block_time=block_time_s)


def load_founded(rollup_file: Path, genesis_file: Path) -> Founded:
    """Read rollup.json and genesis.json, which have to be of one chain.

    Raises ConfigError naming a field, StemmaError naming a file.
    """
    specification = read_specification(genesis_file, rollup_file)
    specification.check_agreement()
    assert specification.genesis is not None and specification.rollup is not None  # noqa: S101, PT018
    return Founded(specification.rollup, specification.genesis)


def dev_genesis(directory: Path, now: int) -> GenesisSpec:
    """The genesis of the embedded L1 of a directory; it begins now if there is none yet."""
    path = directory / GENESIS_FILE
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        write_json(path, dev_l1_genesis(now).to_json())
    return GenesisSpec.from_json(read_json(path))


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def refuse_public_bind(host: str) -> None:
    """Raises DevKeysRefused unless the host is this machine's loopback."""
    if not is_loopback(host):
        raise DevKeysRefused(
            f"rpc.host {host}: `stemma dev` signs with keys that everybody knows, so it listens "
            "on 127.0.0.1 only; use `stemma node` with keys of your own"
        )


def refuse_public_development_key(
    key: bytes, l1_chain_id: int, host: str, *, role: str = "batcher"
) -> None:
    """A key that everybody knows neither pays on a public chain nor stands behind a public
    address. Raises DevKeysRefused.
    """
    known = {account.private_key: account.name for account in dev_accounts()}.get(key)
    if known is None:
        return
    where = None if is_loopback(host) else f"rpc.host is {host}"
    if l1_chain_id in PUBLIC_CHAIN_IDS:
        where = f"the L1 is chain {l1_chain_id}, a public one"
    if where is not None:
        raise DevKeysRefused(
            f"{role}.key_file holds the development key {known!r}, which everybody knows, and "
            f"{where}; make a key of your own: stemma keys new"
        )


async def refuse_public_chain(client: JsonRpcClient) -> int:
    """The L1's chain id. Raises DevKeysRefused for a public chain."""
    chain_id = int(await client.call("eth_chainId"), 16)
    if chain_id in PUBLIC_CHAIN_IDS:
        raise DevKeysRefused(
            f"L1 {client.url} is chain {chain_id}, a public one: `stemma dev` signs with keys "
            "that everybody knows; use `stemma node` with keys of your own"
        )
    return chain_id


async def found(
    client: JsonRpcClient, datadir: Path, block_time_s: int, *, has_inbox_contract: bool = False
) -> Founded:
    """The rollup of a data directory; founded on the L1's head if there is none yet, then with a
    BatchInbox if that is asked for.
    """
    chain_id = await refuse_public_chain(client)
    rollup_file, genesis_file = datadir / ROLLUP_FILE, datadir / GENESIS_FILE
    if rollup_file.exists() and genesis_file.exists():
        founded = load_founded(rollup_file, genesis_file)
        await check_l1(client, founded.config)
        return founded
    preset = dev_preset(block_time_s)
    return await _found_anew(
        client, datadir, preset, chain_id, has_inbox_contract=has_inbox_contract
    )


async def check_l1(client: JsonRpcClient, config: RollupConfig) -> None:
    """Raise DifferentL1 unless the L1 is the one the rollup was founded on."""
    chain_id = int(await client.call("eth_chainId"), 16)
    if chain_id != config.l1_chain_id:
        raise DifferentL1(
            f"the rollup stands on L1 chain {config.l1_chain_id}, {client.url} is chain {chain_id}"
        )
    anchor = config.genesis.l1
    block = await client.call("eth_getBlockByNumber", hex(anchor.number), False)
    found_hash = None if block is None else block["hash"]
    if found_hash != "0x" + anchor.hash.hex():
        raise DifferentL1(
            f"the rollup stands on L1 block {anchor.number} 0x{anchor.hash.hex()}, "
            f"but {client.url} has {found_hash} there; use the L1 it was founded on, "
            "or another data directory"
        )


async def _found_anew(
    client: JsonRpcClient,
    datadir: Path,
    preset: L2Preset,
    chain_id: int,
    *,
    has_inbox_contract: bool,
) -> Founded:
    deployer = dev_account("deployer")
    block = await client.call("eth_getBlockByNumber", "latest", False)
    header = header_from_json(block)
    nonce = await _nonce(client, deployer.address)
    contracts = settlement_addresses(deployer.address, nonce)
    anchor = L1Anchor(
        chain_id=chain_id,
        block=BlockId(number=header.number, hash=header.hash),
        timestamp=header.timestamp,
        portal=contracts.portal,
        system_config=contracts.system_config,
    )
    bridges = L1Bridges(contracts.l1_cross_domain_messenger, contracts.l1_standard_bridge)
    genesis = l2_genesis(preset, anchor.timestamp, l1_bridges=bridges)
    config = rollup_config(preset, anchor, dev_account("batcher").address, genesis)
    steps = verifier_creations(deployer.address, nonce + len(CONTRACTS), _verifier_rules(genesis))
    inputs = inputs_addresses(deployer.address, nonce + len(CONTRACTS) + len(steps))
    if has_inbox_contract:
        config = replace(config, batch_inbox_address=inputs.batch_inbox, has_inbox_contract=True)
    deployment = {
        "deployer_nonce": nonce,
        "contracts": {
            name: "0x" + address.hex()
            for name, address in zip(CONTRACTS, astuple(contracts), strict=True)
        },
        "step_verifier": {creation.contract: "0x" + creation.address.hex() for creation in steps},
    }
    if has_inbox_contract:
        deployment["inputs"] = {
            name: "0x" + address.hex()
            for name, address in zip(INPUTS_CONTRACTS, astuple(inputs), strict=True)
        }
    write_json(datadir / _DEPLOYMENT_FILE, deployment)
    write_json(datadir / GENESIS_FILE, genesis.to_json())
    write_json(datadir / ROLLUP_FILE, config.to_json())
    return Founded(config, genesis)


async def _nonce(client: JsonRpcClient, account: Address) -> int:
    answer = await client.call("eth_getTransactionCount", "0x" + account.hex(), "pending")
    return int(answer, 16)


async def fund_roles(client: JsonRpcClient, chain_id: int) -> None:
    """Give the role accounts ether on an L1 that only knows the ten usual accounts."""
    rich = L1Sender(client, dev_account("account0").private_key, chain_id)
    for name in _FUNDED_ROLES:
        account = dev_account(name).address
        balance = int(await client.call("eth_getBalance", "0x" + account.hex(), "latest"), 16)
        if balance < _MINIMUM_WEI:
            request = L1Request(account, value_wei=_FUNDING_WEI, gas_limit=_TRANSFER_GAS)
            await rich.send_and_wait(request)


@dataclass(frozen=True, slots=True)
class _Deployment:
    """The deployer's first nonce, and addresses by name, in the order of their creation.

    A rollup that was founded before there was a verifier of steps has none; `inputs` are those of a
    rollup with a BatchInbox.
    """

    first_nonce: int
    contracts: dict[str, str]
    verifier: dict[str, str]
    inputs: dict[str, str]


def _deployment(datadir: Path) -> _Deployment:
    path = datadir / _DEPLOYMENT_FILE
    deployment = read_json(path)
    if "contracts" not in deployment:
        raise DifferentL1(
            f"{path}: this rollup was founded before withdrawals could be proven, and its "
            "contracts cannot be changed; use another data directory"
        )
    return _Deployment(
        int(deployment["deployer_nonce"]),
        dict(deployment["contracts"]),
        dict(deployment.get("step_verifier", {})),
        dict(deployment.get("inputs", {})),
    )


def _verifier_rules(genesis: GenesisSpec) -> ForkRules:
    """The rules of the L2's first block: a verifier is made for one fork."""
    chain, timestamp = genesis.config, genesis_block(genesis)[0].header.timestamp
    return fork_rules(step_rules_of(rules_at(chain, timestamp)))


async def deploy_contracts(
    client: JsonRpcClient, datadir: Path, founded: Founded, *, is_disputed: bool = False
) -> None:
    """Send the creations that are not on L1 yet; they are mined in their own time.

    Games of a network that `is_disputed` have longer clocks.

    Raises L1CallFailed when the deployer's nonce has gone elsewhere, DifferentL1 for a data
    directory of an older version.
    """
    deployment = _deployment(datadir)
    addresses = [
        *deployment.contracts.values(),
        *deployment.verifier.values(),
        *deployment.inputs.values(),
    ]
    codes = await client.batch([("eth_getCode", (address, "latest")) for address in addresses])
    if "0x" not in codes:
        return
    block, tip = await client.batch(
        [("eth_getBlockByNumber", ("latest", False)), ("eth_maxPriorityFeePerGas", ())]
    )
    fees = initial_fees(int(block["baseFeePerGas"], 16), int(tip, 16))
    deployer = dev_account("deployer")
    parameters = settlement_parameters(founded, is_disputed=is_disputed)
    creations = _creations(
        deployment, founded, parameters, DeploymentFees(fees.cap_wei, fees.tip_wei)
    )
    for code, creation in zip(codes, creations, strict=True):
        if code != "0x":
            continue
        raw = sign_transaction(creation, deployer.private_key).encode()
        try:
            await client.call("eth_sendRawTransaction", "0x" + raw.hex())
        except L1CallFailed as error:
            if "already known" not in error.message:
                raise
    logger.info("settlement contracts", extra={"portal": deployment.contracts["OptimismPortal"]})


def _creations(
    deployment: _Deployment,
    founded: Founded,
    parameters: SettlementParameters,
    fees: DeploymentFees,
) -> list[DynamicFeeTransaction]:
    deployer, chain_id = dev_account("deployer").address, founded.config.l1_chain_id
    nonce, verifier = deployment.first_nonce, deployment.verifier
    if verifier:
        parameters = replace(parameters, step_verifier=to_address(verifier[ROUTER]))
    if deployment.inputs:
        at = to_address(deployment.inputs["BlockInputs"])
        parameters = replace(parameters, block_inputs=at)
    creations = deployment_transactions(
        parameters, deployer=deployer, nonce=nonce, l1_chain_id=chain_id, fees=fees
    )
    if not verifier:
        return list(creations)
    nonce += len(creations)
    steps = verifier_creations(deployer, nonce, _verifier_rules(founded.genesis))
    if [creation.contract for creation in steps] != list(verifier):
        raise DifferentL1(
            f"{_DEPLOYMENT_FILE}: this rollup was founded with another verifier of steps, whose "
            "creations were not all mined; use another data directory"
        )
    made = verifier_transactions(steps, nonce=nonce, l1_chain_id=chain_id, fees=fees)
    if not deployment.inputs:
        return [*creations, *made]
    inputs = inputs_creations(
        founded.config,
        founded.genesis.config,
        genesis_block(founded.genesis)[0].header,
        deployer,
        nonce=nonce + len(made),
        fees=fees,
        blob_base_fee_update_fraction=PRAGUE_BLOB_BASE_FEE_UPDATE_FRACTION,
    )
    return [*creations, *made, *inputs]


def settlement_parameters(founded: Founded, *, is_disputed: bool) -> SettlementParameters:
    """What the contracts of a development rollup are told."""
    config = founded.config
    genesis = genesis_block(founded.genesis)[0].header
    settlement = l2_preset(_DEV_PRESET).settlement
    if is_disputed:
        settlement = replace(
            settlement,
            max_clock_s=_DISPUTED_CLOCK_S,
            clock_extension_s=_DISPUTED_EXTENSION_S,
        )
    return SettlementParameters(
        owner=dev_account("deployer").address,
        guardian=dev_account("deployer").address,
        system_config=config.genesis.system_config,
        unsafe_block_signer=dev_account("sequencer").address,
        batch_inbox=config.batch_inbox_address,
        l2_chain_id=config.l2_chain_id,
        anchor_root=output_of_header(genesis).root,
        anchor_number=genesis.number,
        settlement=settlement,
        l2_time=genesis.timestamp - genesis.number * config.block_time,
        l2_block_time=config.block_time,
    )


def contract_addresses(config: RollupConfig, datadir: Path) -> dict[str, str]:
    """L1 contracts by name, for run.json. Raises DifferentL1 as deploy_contracts does."""
    deployment = _deployment(datadir)
    contracts = {**deployment.contracts, **deployment.verifier, **deployment.inputs}
    return {**contracts, "BatchInbox": "0x" + config.batch_inbox_address.hex()}
