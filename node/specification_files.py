"""Where specifications of chains lie on disk, and what may be written there to name one.

    a preset's name     minimal, devnet, mainnet
    a directory         its genesis.json and rollup.json, as `stemma init` and `dev` leave them
    a file              genesis.json, rollup.json, or a chain's TOML of the superchain registry

Knows files; what they mean, `genesis` says.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain.errors import StemmaError
from chain.types import Address
from genesis.allocation import GenesisSpec, l2_genesis
from genesis.config import RollupConfig
from genesis.fields import Fields
from genesis.presets import L2_PRESETS, l2_preset
from genesis.registry import chain_config_of, rollup_config_of
from genesis.specification import Specification

GENESIS_FILE = "genesis.json"
ROLLUP_FILE = "rollup.json"
_SUPERCHAIN_FILE = "superchain.toml"


@dataclass(frozen=True, slots=True)
class PresetChoices:
    """What a preset leaves open: the time of the first block in seconds, and for a public chain
    its id and who receives its fees.
    """

    timestamp: int = 0
    chain_id: int | None = None
    fee_recipient: Address | None = None


def read_json(path: Path) -> Any:  # noqa: ANN401 - JSON
    """A JSON document. Raises StemmaError naming the file."""
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise StemmaError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise StemmaError(f"{path}: not JSON: {error}") from error


def write_json(path: Path, content: object) -> None:
    """Write a document so that a reader sees the old one or the new one, never half of it."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(content, indent=2) + "\n")
    draft.replace(path)


def read_rollup_config(path: Path) -> RollupConfig:
    """rollup.json, or a chain's TOML of the superchain registry. Raises StemmaError, ConfigError.

    The registry names the L1 once, in the `superchain.toml` beside the chain's file.
    """
    if path.suffix != ".toml":
        return RollupConfig.from_json(read_json(path))
    superchain = Fields(_read_toml(path.parent / _SUPERCHAIN_FILE), _SUPERCHAIN_FILE)
    return rollup_config_of(_read_toml(path), superchain.child("l1").integer("chain_id"))


def read_specification(genesis: Path | None, rollup: Path | None) -> Specification:
    """Read the files there are. Raises StemmaError naming a file, ConfigError naming a field."""
    config = None if rollup is None else read_rollup_config(rollup)
    spec = None if genesis is None else _genesis_of(read_json(genesis), config)
    return Specification(spec, config)


def find_specification(
    name: str, rollup: Path | None = None, choices: PresetChoices | None = None
) -> Specification:
    """The specification that a name stands for; `rollup` is a rollup config to read with it.

    Raises StemmaError naming a file, ConfigError naming a field.
    """
    if name in L2_PRESETS:
        given = choices or PresetChoices()
        spec = l2_genesis(
            l2_preset(name),
            given.timestamp,
            chain_id=given.chain_id,
            fee_recipient=given.fee_recipient,
        )
        return Specification(spec, None if rollup is None else read_rollup_config(rollup))
    path = Path(name)
    if path.is_dir():
        kept = path / ROLLUP_FILE
        return read_specification(path / GENESIS_FILE, rollup or (kept if kept.exists() else None))
    if path.suffix == ".toml":
        return Specification(rollup=read_rollup_config(path))
    if not path.exists():
        raise StemmaError(f"{name}: no such file, nor a preset ({', '.join(L2_PRESETS)})")
    document = read_json(path)
    if isinstance(document, dict) and "alloc" in document:
        config = None if rollup is None else read_rollup_config(rollup)
        return Specification(_genesis_of(document, config), config)
    return Specification(rollup=RollupConfig.from_json(document))


def _genesis_of(document: object, rollup: RollupConfig | None) -> GenesisSpec:
    """The registry's files leave out the `config`; then the rollup config says it."""
    fields = Fields(document, GENESIS_FILE)
    if "config" in fields or rollup is None:
        return GenesisSpec.from_json(document)
    config = chain_config_of(rollup, fields.integer("gasLimit"))
    return GenesisSpec.from_json(document, config)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise StemmaError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StemmaError(f"{path}: not TOML: {error}") from error
