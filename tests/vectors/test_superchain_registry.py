"""The superchain registry: every chain's config is read, every genesis hash is reproduced."""

from __future__ import annotations

import gzip
import json
import tomllib

import pytest
from vectors import vectors_root

from chain.types import Address, Hash32
from genesis.allocation import GenesisSpec, genesis_block
from genesis.config import ChainConfig, ForkTimes, RollupConfig, SystemConfig
from genesis.fields import ConfigError, Fields

_ROOT = vectors_root()
_SUPERCHAIN = _ROOT / "superchain_registry" / "superchain"
_CHAINS = sorted(
    path for path in _SUPERCHAIN.glob("configs/*/*.toml") if path.name != "superchain.toml"
)
_GENESES = sorted(_SUPERCHAIN.glob("extra/genesis/*/*.json.zst"))
_BLOCKS = sorted((_ROOT / "op_stack" / "executor_blocks").glob("*.json.gz"))


def _toml(path):
    return tomllib.loads(path.read_text())


def _chain_config(toml) -> ChainConfig:
    optimism = toml["optimism"]
    return ChainConfig(
        chain_id=toml["chain_id"],
        rules="optimism",
        eip1559_elasticity=optimism["eip1559_elasticity"],
        eip1559_denominator=optimism["eip1559_denominator_canyon"],
        gas_limit=toml["genesis"]["system_config"]["gasLimit"],
        forks=ForkTimes.from_fields(Fields(toml["hardforks"], "hardforks"), "_time"),
    )


@pytest.mark.parametrize("path", _CHAINS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_config_of_a_registered_chain(path):
    toml = _toml(path)
    config = _chain_config(toml)
    assert ChainConfig.from_json(config.to_json(), gas_limit=config.gas_limit) == config
    system = SystemConfig.from_json(toml["genesis"]["system_config"])
    assert SystemConfig.from_json(system.to_json()) == system
    assert system.gas_limit == toml["genesis"]["system_config"]["gasLimit"]


@pytest.mark.parametrize("path", _GENESES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_genesis_hash_of_a_registered_chain(path):
    zstandard = pytest.importorskip("zstandard", reason="zstandard is not installed")
    name = path.name.removesuffix(".json.zst")
    toml = _toml(_SUPERCHAIN / "configs" / path.parent.name / f"{name}.toml")
    dictionary = (_SUPERCHAIN / "extra" / "dictionary").read_bytes()
    reader = zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(dictionary))
    document = json.loads(reader.decompress(path.read_bytes(), max_output_size=2**28))
    if "stateHash" in document:
        pytest.skip("a header only: the state was carried over from before Bedrock")
    block, _ = genesis_block(GenesisSpec.from_json(document, _chain_config(toml)))
    assert "0x" + block.hash.hex() == toml["genesis"]["l2"]["hash"]
    if document["config"] is not None:  # the file's own config says the same
        assert genesis_block(GenesisSpec.from_json(document))[0].hash == block.hash


@pytest.mark.parametrize("path", _BLOCKS, ids=lambda path: path.name.split(".")[0])
def test_rollup_config_of_a_real_chain(path):
    document = json.loads(gzip.decompress(path.read_bytes()))["fixture"]["rollup_config"]
    if "genesis" not in document:
        pytest.skip("this fixture carries fork times only")
    config = RollupConfig.from_json(document)
    assert config.l2_chain_id == document["l2_chain_id"]
    assert config.genesis.l2.number == document["genesis"]["l2"]["number"]
    assert config.batch_inbox_address == Address(bytes.fromhex(document["batch_inbox_address"][2:]))
    assert config.genesis.l1.hash == Hash32(bytes.fromhex(document["genesis"]["l1"]["hash"][2:]))
    assert RollupConfig.from_json(config.to_json()) == config
    with pytest.raises(ConfigError, match="isthmus_time"):
        config.require_supported()
