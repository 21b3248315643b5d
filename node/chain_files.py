"""What `stemma init` leaves in a data directory: the first block, and the files it came from.

Needs no event loop and no network.
"""

from __future__ import annotations

from pathlib import Path

from chain.block import Block
from chain.storage import DataDirectory
from genesis.fields import ConfigError
from genesis.specification import Specification

from .chain_runtime import store_genesis
from .config import StateSection
from .specification_files import GENESIS_FILE, ROLLUP_FILE, write_json


def begin_chain(
    datadir: Path, specification: Specification, state: StateSection | None = None
) -> Block:
    """Write the genesis into an empty data directory; one that has this very chain is left alone.

    Raises ConfigError where there is no genesis, or none that can be executed; UnknownBlock where
    the directory holds another chain; AlreadyLocked while a node runs in it.
    """
    spec = specification.genesis
    if spec is None:
        raise ConfigError("a chain begins with a genesis.json; a rollup config has no state")
    if spec.state_root is not None:
        raise ConfigError(
            f"genesis.json names the state root 0x{spec.state_root.hex()} and no accounts: "
            "this chain began before its first block here, and its state has to be imported"
        )
    specification.check_agreement()
    with DataDirectory(datadir):
        block = store_genesis(datadir, spec, state or StateSection())
        write_json(datadir / GENESIS_FILE, spec.to_json())
        if specification.rollup is not None:
            write_json(datadir / ROLLUP_FILE, specification.rollup.to_json())
    return block
