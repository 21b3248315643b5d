"""eth_config, eth_capabilities, eth_getStorageValues and testing_buildBlockV1 on our own chains."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rpc_chain import RpcChain

from chain.types import Hash32
from genesis.allocation import dev_l1_genesis
from genesis.config import ChainConfig, ForkTimes
from genesis.dev_accounts import dev_accounts
from node.rpc.eth_config import fork_id, fork_times
from node.rpc.testing import gas_limit_towards

MAINNET_GENESIS = Hash32(
    bytes.fromhex("d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3")
)
MAINNET_FORKS = {
    "homesteadBlock": 1_150_000, "daoForkBlock": 1_920_000, "eip150Block": 2_463_000,
    "eip155Block": 2_675_000, "byzantiumBlock": 4_370_000, "constantinopleBlock": 7_280_000,
    "istanbulBlock": 9_069_000, "muirGlacierBlock": 9_200_000, "berlinBlock": 12_244_000,
    "londonBlock": 12_965_000, "arrowGlacierBlock": 13_773_000, "grayGlacierBlock": 15_050_000,
}  # fmt: skip
SHANGHAI, CANCUN, PRAGUE = 1_681_338_455, 1_710_338_135, 1_746_612_311


def test_blob_gas_is_priced_by_the_schedule_of_the_block(rpc: RpcChain) -> None:
    header = rpc.mine().header
    forks = ForkTimes(shanghai=0, cancun=0)
    rpc.engine.config = replace(rpc.engine.config, forks=forks)
    full = replace(header, excess_blob_gas=10_000_000, blob_gas_used=6 * 131_072)
    # fake_exponential(1, 10_000_000, 3_338_477) of EIP-4844, Cancun's fraction; Prague's gives 7.
    assert rpc.backend._blob_price(full) == 19
    assert rpc.backend._blob_gas_ratio(full) == 1.0
    assert rpc.backend._blob_price(replace(full, excess_blob_gas=None)) == 0


@pytest.fixture
def rpc() -> RpcChain:
    return RpcChain()


@pytest.mark.parametrize(
    ("time", "identity"),
    [(0, "f0afd0e3"), (SHANGHAI, "dce96c2d"), (CANCUN, "9f3d2254"), (PRAGUE, "c376cf8b")],
)
def test_fork_id_is_that_of_eip_2124_and_7910_on_mainnet(time: int, identity: str) -> None:
    config = replace(
        ChainConfig.ethereum(1),
        forks=ForkTimes(shanghai=SHANGHAI, cancun=CANCUN, prague=PRAGUE),
        fork_blocks=tuple(MAINNET_FORKS.items()),
    )
    assert fork_times(config) == [SHANGHAI, CANCUN, PRAGUE]
    assert fork_id(config, MAINNET_GENESIS, 0, time).hex() == identity


def test_fork_blocks_and_deposit_contract_survive_the_genesis_file() -> None:
    written = dev_l1_genesis(1).config.to_json() | {
        "berlinBlock": 7,
        "depositContractAddress": "0x" + "11" * 20,
    }
    read = ChainConfig.from_json(written)
    assert (read.fork_blocks, read.deposit_contract) == ((("berlinBlock", 7),), b"\x11" * 20)
    assert ChainConfig.from_json(read.to_json()) == read


def test_config_names_what_a_prague_chain_has(rpc: RpcChain) -> None:
    answer = rpc.call("eth_config")
    current = answer["current"]
    assert (answer["next"], answer["last"]) == (None, None)
    assert current["activationTime"] == 0
    assert current["blobSchedule"]["max"] == 9
    assert current["precompiles"]["ECREC"] == "0x" + "00" * 19 + "01"
    assert len(current["precompiles"]) == 17
    assert "HISTORY_STORAGE_ADDRESS" in current["systemContracts"]


def test_config_names_the_next_fork_and_the_last(rpc: RpcChain) -> None:
    forks = replace(rpc.engine.config.forks, osaka=1 << 40)
    rpc.engine.config = replace(rpc.engine.config, forks=forks)
    answer = rpc.call("eth_config")
    assert answer["next"] == answer["last"]
    assert answer["next"]["activationTime"] == 1 << 40
    assert answer["next"]["precompiles"].keys() - answer["current"]["precompiles"].keys() == {
        "P256VERIFY"
    }


def test_capabilities_begin_at_block_zero(rpc: RpcChain) -> None:
    mined = rpc.mine()
    answer = rpc.call("eth_capabilities")
    assert answer["head"] == {"number": "0x1", "hash": f"0x{mined.header.hash.hex()}"}
    assert answer["stateproofs"] == {"disabled": False, "oldestBlock": "0x0"}


def test_storage_values_are_those_of_storage_at(rpc: RpcChain) -> None:
    spec = dev_l1_genesis(1_700_000_000)
    account = next(f"0x{who.hex()}" for who, held in spec.alloc.items() if held.code)
    [values] = rpc.call("eth_getStorageValues", {account: ["0x0", "0x1"]}).values()
    assert values == [rpc.call("eth_getStorageAt", account, slot) for slot in ("0x0", "0x1")]


def test_more_storage_values_than_the_limit_are_refused(rpc: RpcChain) -> None:
    code, message = rpc.error("eth_getStorageValues", {"0x" + "11" * 20: ["0x0"] * 1025})
    assert code == -32005
    assert "1024" in message


@pytest.mark.parametrize(
    ("wanted", "parent", "given"),
    [
        (30_000_000, 30_000_000, 30_000_000),
        (10**9, 1_024_000, 1_024_999),
        (0, 1_024_000, 1_023_001),
    ],
)
def test_gas_limit_moves_by_less_than_a_1024th(wanted: int, parent: int, given: int) -> None:
    assert gas_limit_towards(wanted, parent) == given


def test_built_block_is_the_one_that_is_then_mined(rpc: RpcChain) -> None:
    alice, bob = (f"0x{account.address.hex()}" for account in dev_accounts()[:2])
    rpc.call("eth_sendTransaction", {"from": alice, "to": bob, "value": "0x1"})
    parent = rpc.engine.header_by_number(0)
    attributes = {
        "timestamp": hex(parent.timestamp + 1),
        "prevRandao": "0x" + "00" * 32,
        "suggestedFeeRecipient": "0x" + "00" * 20,
        "parentBeaconBlockRoot": "0x" + "00" * 32,
        "withdrawals": [],
    }
    built = rpc.call("testing_buildBlockV1", f"0x{parent.hash.hex()}", attributes)
    mined = rpc.mine()
    assert built["executionPayload"]["blockHash"] == f"0x{mined.header.hash.hex()}"
    assert int(built["blockValue"], 16) == 21_000 * rpc.backend.suggested_tip()
