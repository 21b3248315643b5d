"""Named sets of parameters: one JSON file each, read strictly.

minimal (tests), devnet (`stemma dev`), mainnet (a public rollup's defaults) describe an L2;
dev_l1 describes the embedded L1. Knows numbers only; allocation.py makes blocks of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from functools import cache
from importlib import resources

from chain.types import Address
from genesis.config import SystemConfig
from genesis.fields import ConfigError, Fields

L2_PRESETS = ("minimal", "devnet", "mainnet")


@dataclass(frozen=True, slots=True)
class SettlementPreset:
    """Delays and bonds of withdrawals and dispute games on L1. Times in seconds.

    `bond_growth_ppm` is by how many millionths a bond is multiplied with each depth of a game.
    """

    proof_maturity_delay_s: int
    game_finality_delay_s: int
    bond_delay_s: int
    max_clock_s: int
    clock_extension_s: int
    max_game_depth: int
    split_depth: int
    base_bond_gwei: int
    bond_growth_ppm: int
    proposal_interval_s: int


@dataclass(frozen=True, slots=True)
class L2Preset:
    """Defaults of an L2. Times in seconds, windows in L1 blocks, fees in wei per gas."""

    name: str
    block_time: int
    max_sequencer_drift: int
    seq_window_size: int
    channel_timeout: int
    gas_limit: int
    base_fee_wei: int
    base_fee_scalar: int
    blob_base_fee_scalar: int
    operator_fee_scalar: int
    operator_fee_constant: int
    eip1559_denominator: int
    eip1559_elasticity: int
    has_dev_accounts: bool
    settlement: SettlementPreset

    def system_config(self, batcher: Address) -> SystemConfig:
        """The SystemConfig with which a rollup of this preset starts."""
        return SystemConfig(
            batcher_address=batcher,
            gas_limit=self.gas_limit,
            base_fee_scalar=self.base_fee_scalar,
            blob_base_fee_scalar=self.blob_base_fee_scalar,
            operator_fee_scalar=self.operator_fee_scalar,
            operator_fee_constant=self.operator_fee_constant,
            eip1559_denominator=self.eip1559_denominator,
            eip1559_elasticity=self.eip1559_elasticity,
        )


@dataclass(frozen=True, slots=True)
class L1Preset:
    """The embedded L1: its chain id, gas limit, block time in seconds, first base fee."""

    chain_id: int
    block_time: int
    gas_limit: int
    base_fee_wei: int


def _fields(name: str) -> Fields:
    text = (resources.files(__name__) / f"{name}.json").read_text(encoding="utf-8")
    return Fields(json.loads(text), f"presets/{name}.json")


@cache
def l2_preset(name: str) -> L2Preset:
    """Read an L2 preset. Raises ConfigError for an unknown name."""
    if name not in L2_PRESETS:
        raise ConfigError(f"preset {name!r} is none of {', '.join(L2_PRESETS)}")
    fields = _fields(name)
    return L2Preset(
        name=name,
        block_time=fields.integer("block_time"),
        max_sequencer_drift=fields.integer("max_sequencer_drift"),
        seq_window_size=fields.integer("seq_window_size"),
        channel_timeout=fields.integer("channel_timeout"),
        gas_limit=fields.integer("gas_limit"),
        base_fee_wei=fields.integer("base_fee_wei"),
        base_fee_scalar=fields.integer("base_fee_scalar", bits=32),
        blob_base_fee_scalar=fields.integer("blob_base_fee_scalar", bits=32),
        operator_fee_scalar=fields.integer("operator_fee_scalar", bits=32),
        operator_fee_constant=fields.integer("operator_fee_constant"),
        eip1559_denominator=fields.integer("eip1559_denominator", bits=32),
        eip1559_elasticity=fields.integer("eip1559_elasticity", bits=32),
        has_dev_accounts=fields.raw("has_dev_accounts") is True,
        settlement=_settlement_preset(fields.child("settlement")),
    )


def _settlement_preset(fields: Fields) -> SettlementPreset:
    return SettlementPreset(
        **{item.name: fields.integer(item.name) for item in dataclass_fields(SettlementPreset)}
    )


@cache
def dev_l1_preset() -> L1Preset:
    """Read the preset of the embedded L1."""
    fields = _fields("dev_l1")
    return L1Preset(
        chain_id=fields.integer("chain_id"),
        block_time=fields.integer("block_time"),
        gas_limit=fields.integer("gas_limit"),
        base_fee_wei=fields.integer("base_fee_wei"),
    )
