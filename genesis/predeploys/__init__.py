"""The L2's own contracts in Vyper, with their built artifacts (artifacts/NAME.json).

`scripts/build_contracts.py` writes the artifacts; this module only reads them.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any, cast


@cache
def artifact(contract: str) -> dict[str, Any]:
    """The artifact of a contract by its name, for example "L1Block"."""
    path = resources.files(__name__) / "artifacts" / f"{contract}.json"
    return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))


def runtime_code(contract: str) -> bytes:
    """The code that genesis places at a contract's address."""
    return bytes.fromhex(artifact(contract)["runtime_bytecode"][2:])
