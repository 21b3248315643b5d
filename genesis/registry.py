"""A chain as the superchain registry describes it: one TOML per chain, read as a rollup config.

The registry's file says what op-node's rollup.json says, in other words, less what all its chains
share: that is filled in here. Knows nothing of files or of the network.

Source: superchain-registry `superchain/configs`; op-node/rollup/superchain.go for what is shared.
"""

from __future__ import annotations

from typing import Any, Final

from .config import ChainConfig, RollupConfig
from .fields import Fields

BEDROCK_CHANNEL_TIMEOUT: Final = 300
"""L1 blocks a channel might stay open before Granite, on every chain of the registry."""


def rollup_config_of(toml: object, l1_chain_id: int) -> RollupConfig:
    """The rollup config of a chain's parsed TOML; its L1 is named by `superchain.toml` beside it.

    Raises ConfigError naming the field.
    """
    return RollupConfig.from_json(_rollup_json(Fields(toml, "chain.toml"), l1_chain_id))


def chain_config_of(rollup: RollupConfig, gas_limit: int) -> ChainConfig:
    """What the execution layer has to know, where genesis.json leaves its `config` null."""
    written = rollup.to_json()
    config: dict[str, Any] = {
        "chainId": rollup.l2_chain_id,
        "optimism": written["chain_op_config"],
    }
    for name, value in written.items():
        fork = name.removesuffix("_time")
        if fork not in (name, "block"):
            config[f"{fork}Time"] = value
    return ChainConfig.from_json(config, gas_limit=gas_limit)


def _rollup_json(fields: Fields, l1_chain_id: int) -> dict[str, Any]:
    optimism, genesis = fields.child("optimism"), fields.child("genesis")
    addresses, forks = fields.child("addresses"), fields.child("hardforks")
    value: dict[str, Any] = {
        "genesis": {
            "l1": genesis.raw("l1"),
            "l2": genesis.raw("l2"),
            "l2_time": genesis.raw("l2_time"),
            "system_config": genesis.raw("system_config"),
        },
        "block_time": fields.raw("block_time"),
        "max_sequencer_drift": fields.raw("max_sequencer_drift"),
        "seq_window_size": fields.raw("seq_window_size"),
        "channel_timeout": BEDROCK_CHANNEL_TIMEOUT,
        "l1_chain_id": l1_chain_id,
        "l2_chain_id": fields.raw("chain_id"),
        "regolith_time": 0,
        **{key: forks.raw(key) for key in forks.names()},
        "batch_inbox_address": fields.raw("batch_inbox_addr"),
        "deposit_contract_address": addresses.raw("OptimismPortalProxy"),
        "l1_system_config_address": addresses.raw("SystemConfigProxy"),
        "chain_op_config": {
            "eip1559Elasticity": optimism.raw("eip1559_elasticity"),
            "eip1559Denominator": optimism.raw("eip1559_denominator"),
            "eip1559DenominatorCanyon": optimism.raw("eip1559_denominator_canyon"),
        },
    }
    if "alt_da" in fields:
        value["alt_da"] = fields.raw("alt_da")
    return value
