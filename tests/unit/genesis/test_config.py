"""ChainConfig, RollupConfig and SystemConfig: validation and the JSON forms of geth and op-node."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace

import pytest

from chain.heads import BlockId
from chain.types import ZERO_ADDRESS, Address, Hash32
from genesis.config import (
    ChainConfig,
    ForkTimes,
    RollupConfig,
    RollupGenesis,
    SystemConfig,
    default_batch_inbox,
    unpack_fee_scalar,
)
from genesis.fields import ConfigError

SYSTEM_CONFIG = SystemConfig(
    batcher_address=Address(b"\x11" * 20),
    gas_limit=30_000_000,
    base_fee_scalar=1368,
    blob_base_fee_scalar=810_949,
    operator_fee_scalar=7,
    operator_fee_constant=9,
    eip1559_denominator=250,
    eip1559_elasticity=6,
)
ROLLUP_CONFIG = RollupConfig(
    genesis=RollupGenesis(
        l1=BlockId(5, Hash32(b"\x01" * 32)),
        l2=BlockId(0, Hash32(b"\x02" * 32)),
        l2_time=1_700_000_000,
        system_config=SYSTEM_CONFIG,
    ),
    block_time=2,
    max_sequencer_drift=1800,
    seq_window_size=3600,
    channel_timeout=50,
    l1_chain_id=900,
    l2_chain_id=901,
    batch_inbox_address=Address(b"\xff" * 20),
    deposit_contract_address=Address(b"\x22" * 20),
    l1_system_config_address=Address(b"\x33" * 20),
)


def test_rollup_config_survives_its_json_form():
    assert RollupConfig.from_json(json.loads(json.dumps(ROLLUP_CONFIG.to_json()))) == ROLLUP_CONFIG


def test_rollup_json_has_the_keys_op_node_writes():
    keys = set(ROLLUP_CONFIG.to_json())
    assert {
        "genesis",
        "block_time",
        "max_sequencer_drift",
        "seq_window_size",
        "channel_timeout",
        "l1_chain_id",
        "l2_chain_id",
        "regolith_time",
        "canyon_time",
        "delta_time",
        "ecotone_time",
        "fjord_time",
        "granite_time",
        "holocene_time",
        "isthmus_time",
        "batch_inbox_address",
        "deposit_contract_address",
        "l1_system_config_address",
        "protocol_versions_address",
        "chain_op_config",
    } == keys


@pytest.mark.parametrize(
    "config", [ChainConfig.ethereum(900), ChainConfig.optimism(901)], ids=["l1", "l2"]
)
def test_chain_config_survives_its_json_form(config):
    read = ChainConfig.from_json(json.loads(json.dumps(config.to_json())))
    assert read == config


def inbox_config(**times):
    forks = replace(ROLLUP_CONFIG.forks, **times)
    return replace(ROLLUP_CONFIG, has_inbox_contract=True, forks=forks)


@pytest.mark.parametrize("fork", ["ecotone", "fjord", "holocene", "isthmus"])
@pytest.mark.parametrize("time", [None, 1_700_000_001])
def test_an_inbox_is_refused_without_any_fork_that_its_contracts_count_on(fork, time):
    later = ("ecotone", "fjord", "granite", "holocene", "isthmus")
    times = {fork: None}
    if time is not None:
        times = dict.fromkeys(later[later.index(fork) :], time)
    with pytest.raises(ConfigError, match=f"stemma_inbox: {fork}_time"):
        inbox_config(**times)


def test_an_inbox_takes_jovian_from_the_first_block_or_not_at_all():
    for time in (None, 0, 1_700_000_000):
        assert inbox_config(jovian=time).forks.jovian == time
    with pytest.raises(ConfigError, match="stemma_inbox: jovian_time"):
        inbox_config(jovian=1_700_000_001)


def test_zero_eip1559_params_mean_the_constants_of_the_chain():
    config = ChainConfig.optimism(901, eip1559_denominator=250, eip1559_elasticity=6)
    assert config.eip1559_params(0, 0) == (250, 6)
    assert config.eip1559_params(32, 4) == (32, 4)


def test_timestamp_of_a_block_counts_from_genesis():
    assert ROLLUP_CONFIG.timestamp_of(0) == 1_700_000_000
    assert ROLLUP_CONFIG.timestamp_of(7) == 1_700_000_014
    for timestamp, number in ((13, 6), (14, 7), (15, 7), (-1, -1)):
        assert ROLLUP_CONFIG.number_by(1_700_000_000 + timestamp) == number


def test_protocol_constants_replace_configured_ones_after_fjord_and_granite():
    config = dataclasses.replace(
        ROLLUP_CONFIG,
        max_sequencer_drift=600,
        channel_timeout=300,
        forks=ForkTimes(fjord=100, granite=200),
    )
    assert [config.max_sequencer_drift_at(t) for t in (99, 100)] == [600, 1800]
    assert [config.channel_timeout_at(t) for t in (199, 200)] == [300, 50]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block_time": 0}, "block_time: 0 is outside"),
        ({"seq_window_size": 0}, "seq_window_size"),
        ({"l2_chain_id": 900}, "both 900"),
        ({"batch_inbox_address": ZERO_ADDRESS}, "batch_inbox_address is the zero address"),
    ],
)
def test_rollup_config_refuses(changes, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(ROLLUP_CONFIG, **changes)


def _altered(path: list[str], value: object) -> object:
    document = ROLLUP_CONFIG.to_json()
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["block_time"], None, "rollup.json: block_time is missing"),
        (["block_time"], "two", "not a number"),
        (["block_time"], True, "expected a number"),
        (["block_time"], -1, "outside"),
        (["genesis", "l1", "hash"], "0x12", "rollup.json.genesis.l1: hash: expected 32 bytes"),
        (["genesis", "l1"], [], "rollup.json.genesis.l1: expected an object, got list"),
        (["batch_inbox_address"], "0xzz", "not hex"),
        (["holocene_time"], 9, "fork isthmus at 0 is before its predecessor's 9"),
        (["lagoon_time"], 9, "lagoon_time schedules a fork this node does not know"),
        (["alt_da"], {"da_commitment_type": "KeccakCommitment"}, "alt_da"),
        (["genesis", "system_config", "scalar"], "0x02" + "00" * 31, "unknown form"),
    ],
)
def test_malformed_rollup_json_is_refused_with_its_place(path, value, message):
    with pytest.raises(ConfigError, match=message):
        RollupConfig.from_json(_altered(path, value))


@pytest.mark.parametrize(
    ("forks", "message"),
    [
        (ForkTimes(), None),
        (ForkTimes(regolith=0, canyon=2**40), None),
        (dataclasses.replace(ROLLUP_CONFIG.forks, jovian=0, karst=0), None),
        (dataclasses.replace(ROLLUP_CONFIG.forks, jovian=0, karst=2**40), "karst_time 1099511"),
        (dataclasses.replace(ROLLUP_CONFIG.forks, interop=2**40), "interop_time is set"),
    ],
)
def test_chain_is_supported_unless_it_will_need_what_is_not_known(forks, message):
    config = dataclasses.replace(ROLLUP_CONFIG, forks=forks)
    if message is None:
        config.require_supported()
    else:
        with pytest.raises(ConfigError, match=message):
            config.require_supported()


def test_bedrock_and_ecotone_scalars_are_told_apart():
    assert unpack_fee_scalar(bytes(28) + (684_000).to_bytes(4, "big")) == (684_000, 0)
    assert unpack_fee_scalar(SYSTEM_CONFIG.scalar) == (1368, 810_949)


def test_system_config_refuses_elasticity_zero_beside_a_denominator():
    with pytest.raises(ConfigError, match="eip1559_elasticity is 0"):
        dataclasses.replace(SYSTEM_CONFIG, eip1559_elasticity=0)


def test_default_batch_inbox_is_version_zero_and_a_hash_of_the_chain_id():
    inbox = default_batch_inbox(10)
    assert inbox[0] == 0
    assert len(inbox) == 20
    assert inbox != default_batch_inbox(11)
