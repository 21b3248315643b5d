"""The L2's own contracts in Vyper, with their built artifacts (artifacts/NAME.json).

`scripts/build_contracts.py` writes the artifacts; this module only reads them.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any, Final, cast

_BLUEPRINT_PREAMBLE: Final = bytes.fromhex("fe7100")


@cache
def artifact(contract: str) -> dict[str, Any]:
    """The artifact of a contract by its name, for example "L1Block"."""
    path = resources.files(__name__) / "artifacts" / f"{contract}.json"
    return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))


def blueprint_code(contract: str) -> bytes:
    """The code of a blueprint: the preamble of ERC-5202, version 0, and the creation code."""
    return _BLUEPRINT_PREAMBLE + bytes.fromhex(artifact(contract)["bytecode"][2:])


def storage_slot(contract: str, *names: str) -> int:
    """The slot of a variable, of a module's variable by both names."""
    entry = artifact(contract)["storage_layout"]
    for name in names:
        entry = entry[name]
    return int(entry["slot"])


def runtime_code(contract: str) -> bytes:
    """The code that genesis places at a contract's address."""
    return bytes.fromhex(artifact(contract)["runtime_bytecode"][2:])
