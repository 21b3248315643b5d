"""Compile the Vyper contracts of L1 and L2 and write their artifacts beside them.

    python scripts/build_contracts.py            write every artifact
    python scripts/build_contracts.py --check    compare only; exit code 1 names what differs

An artifact is JSON: the ABI, creation and runtime bytecode, the storage layout, the SHA-256 of the
source and the compiler version. Artifacts are committed, so a node needs no compiler.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = (
    (ROOT / "genesis" / "predeploys", ROOT / "genesis" / "predeploys" / "artifacts"),
    (ROOT / "rollup" / "settlement" / "contracts", ROOT / "rollup" / "settlement" / "artifacts"),
)
OUTPUT_FORMATS = ("abi", "bytecode", "bytecode_runtime", "layout")


def sources() -> list[tuple[Path, Path]]:
    """(source, artifact) of every contract."""
    return [
        (source, artifacts / f"{source.stem}.json")
        for folder, artifacts in CONTRACTS
        for source in sorted(folder.glob("*.vy"))
    ]


def build(source: Path) -> str:
    """The artifact's text for one source file."""
    import vyper
    from vyper.compiler import compile_code

    text = source.read_text(encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # large arrays: see L2ToL1MessagePasser.vy
        output = compile_code(text, output_formats=OUTPUT_FORMATS)
    artifact = {
        "contract": source.stem,
        "source": source.relative_to(ROOT).as_posix(),
        "source_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "compiler": f"vyper {vyper.__version__}",
        "abi": output["abi"],
        "bytecode": output["bytecode"],
        "runtime_bytecode": output["bytecode_runtime"],
        "storage_layout": output["layout"].get("storage_layout", {}),
    }
    return json.dumps(artifact, indent=1) + "\n"


def main() -> int:
    """Build or check; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments = parser.parse_args()
    stale = 0
    for source, artifact in sources():
        text = build(source)
        current = artifact.read_text(encoding="utf-8") if artifact.exists() else ""
        if text == current:
            print(f"ok      {artifact.relative_to(ROOT)}")
            continue
        stale += 1
        if arguments.check:
            print(f"differs {artifact.relative_to(ROOT)}")
        else:
            artifact.parent.mkdir(parents=True, exist_ok=True)
            artifact.write_text(text, encoding="utf-8")
            print(f"wrote   {artifact.relative_to(ROOT)}")
    return 1 if arguments.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
