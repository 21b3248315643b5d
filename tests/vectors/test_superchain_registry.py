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
from genesis.registry import chain_config_of
from node.chain_files import begin_chain
from node.specification_files import find_specification, read_rollup_config, read_specification

_ROOT = vectors_root()
_SUPERCHAIN = _ROOT / "superchain_registry" / "superchain"
_CHAINS = sorted(
    path for path in _SUPERCHAIN.glob("configs/*/*.toml") if path.name != "superchain.toml"
)
_GENESES = sorted(_SUPERCHAIN.glob("extra/genesis/*/*.json.zst"))
OP_MAINNET_BLOCK_0 = "0x7ca38a1916c42007829c55e69d3e9a73265554b586a499015373241b8a3fa48b"
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


def _genesis_document(path):
    zstandard = pytest.importorskip("zstandard", reason="zstandard is not installed")
    dictionary = (_SUPERCHAIN / "extra" / "dictionary").read_bytes()
    reader = zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(dictionary))
    return json.loads(reader.decompress(path.read_bytes(), max_output_size=2**28))


def _config_file(path):
    return _SUPERCHAIN / "configs" / path.parent.name / path.name.replace(".json.zst", ".toml")


@pytest.mark.parametrize("path", _CHAINS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_rollup_config_of_a_registered_chain(path):
    toml = _toml(path)
    if toml.get("alt_da", {}).get("da_commitment_type") == "GenericCommitment":
        with pytest.raises(ConfigError, match=r"da_commitment_type: 'GenericCommitment'"):
            read_rollup_config(path)
        return
    config = read_rollup_config(path)
    assert (config.alt_da is not None) == ("alt_da" in toml)
    assert config.l2_chain_id == toml["chain_id"]
    assert config.l1_chain_id in (1, 11155111)
    assert "0x" + config.genesis.l2.hash.hex() == toml["genesis"]["l2"]["hash"]
    assert chain_config_of(config, config.genesis.system_config.gas_limit).forks == config.forks
    assert RollupConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize("path", _GENESES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_genesis_hash_of_a_registered_chain(path, tmp_path):
    document, config_file = _genesis_document(path), _config_file(path)
    (tmp_path / "genesis.json").write_text(json.dumps(document))
    specification = read_specification(tmp_path / "genesis.json", config_file)
    block = specification.check_agreement()
    expected = _toml(config_file)["genesis"]["l2"]
    if "stateHash" in document:
        # The file is of the chain's block 0; the rollup took over at a later block, which it names.
        assert expected["number"] == 105_235_063
        expected = {"number": 0, "hash": OP_MAINNET_BLOCK_0}
    assert block.number == expected["number"]
    assert "0x" + block.hash.hex() == expected["hash"]
    spec = specification.genesis
    assert GenesisSpec.from_json(spec.to_json()).to_json() == spec.to_json()
    if document["config"] is not None:  # the file's own config says the same
        assert genesis_block(GenesisSpec.from_json(document))[0].hash == block.hash


def test_node_begins_with_the_genesis_of_a_registered_chain(tmp_path):
    path = next(path for path in _GENESES if path.name == "ink.json.zst")
    (tmp_path / "genesis.json").write_text(json.dumps(_genesis_document(path)))
    specification = read_specification(tmp_path / "genesis.json", _config_file(path))
    block = begin_chain(tmp_path / "node", specification)
    again = begin_chain(tmp_path / "node", find_specification(str(tmp_path / "node")))
    assert again.hash == block.hash == specification.rollup.genesis.l2.hash


def test_chain_without_its_state_cannot_be_begun(tmp_path):
    path = next(p for p in _GENESES if p.name == "op.json.zst" and p.parent.name == "mainnet")
    (tmp_path / "genesis.json").write_text(json.dumps(_genesis_document(path)))
    specification = read_specification(tmp_path / "genesis.json", _config_file(path))
    with pytest.raises(ConfigError, match="names the state root 0xeddb4c17.* and no accounts"):
        begin_chain(tmp_path / "node", specification)


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
    config.require_supported()
