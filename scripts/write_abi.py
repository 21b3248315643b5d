"""Write the ABI of each native precompile to genesis/abi/NAME.json.

Run it after a change in genesis/interfaces.py; a test compares the files with the interfaces.
"""

from __future__ import annotations

import json
from pathlib import Path

from genesis.interfaces import INTERFACES, Interface

ABI_DIRECTORY = Path(__file__).resolve().parent.parent / "genesis" / "abi"


def abi_text(interface: Interface) -> str:
    """The file's text: address first, then the ABI as wallets and clients take it."""
    document = {"address": "0x" + interface.address.hex(), "abi": interface.abi_json()}
    return json.dumps(document, indent=1) + "\n"


def main() -> None:
    ABI_DIRECTORY.mkdir(exist_ok=True)
    for interface in INTERFACES.values():
        path = ABI_DIRECTORY / f"{interface.name}.json"
        path.write_text(abi_text(interface), encoding="utf-8")
        print(
            f"{path.relative_to(ABI_DIRECTORY.parent.parent)}: {len(interface.functions)} functions"
        )


if __name__ == "__main__":
    main()
