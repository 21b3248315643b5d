"""Compile the Vyper contracts of L1 and L2 and write their artifacts beside them.

    python scripts/build_contracts.py            write every artifact
    python scripts/build_contracts.py --check    compare only; exit code 1 names what differs

An artifact is JSON: the ABI, creation and runtime bytecode, the storage layout, the SHA-256 of the
source and of each module it imports, and the compiler version. Artifacts are committed, so a node
needs no compiler. NAME.layout.json beside NAME.vy puts variables into slots that tools know.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = (
    (ROOT / "genesis" / "predeploys", ROOT / "genesis" / "predeploys" / "artifacts"),
    (ROOT / "rollup" / "settlement" / "contracts", ROOT / "rollup" / "settlement" / "artifacts"),
    (
        ROOT / "rollup" / "settlement" / "contracts" / "step",
        ROOT / "rollup" / "settlement" / "artifacts",
    ),
    (
        ROOT / "rollup" / "settlement" / "contracts" / "inputs",
        ROOT / "rollup" / "settlement" / "artifacts",
    ),
)
OUTPUT_FORMATS = ("abi", "bytecode", "bytecode_runtime", "layout")
_IMPORT = re.compile(r"^(?:from (?P<package>\S+) )?import (?P<module>\S+)", re.MULTILINE)


def sources() -> list[tuple[Path, Path]]:
    """(source, artifact) of every contract."""
    return [
        (source, artifacts / f"{source.stem}.json")
        for folder, artifacts in CONTRACTS
        for source in sorted(folder.glob("*.vy"))
    ]


def modules(source: Path) -> list[Path]:
    """Every module that a source imports, and that those import, in order of their paths."""
    found: set[Path] = set()
    waiting = [source]
    while waiting:
        for match in _IMPORT.finditer(waiting.pop().read_text(encoding="utf-8")):
            parts = [part for part in (match["package"], match["module"]) if part]
            relative = Path(*".".join(parts).split(".")).with_suffix(".vy")
            for folder in (source.parent, ROOT):
                path = folder / relative
                if path.exists() and path not in found:
                    found.add(path)
                    waiting.append(path)
    return sorted(found)


def build(source: Path) -> str:
    """The artifact's text for one source file."""
    import vyper

    text = source.read_text(encoding="utf-8")
    output = _compile(source, text, None)
    layout_file = source.with_suffix(".layout.json")
    if layout_file.exists():
        layout = output["layout"]["storage_layout"]
        for name, slot in json.loads(layout_file.read_text(encoding="utf-8")).items():
            layout[name]["slot"] = int(slot, 16)
        output = _compile(source, text, layout)
    artifact = {
        "contract": source.stem,
        "source": source.relative_to(ROOT).as_posix(),
        "source_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "modules_sha256": {
            path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in modules(source)
        },
        "compiler": f"vyper {vyper.__version__}",
        "abi": output["abi"],
        "bytecode": output["bytecode"],
        "runtime_bytecode": output["bytecode_runtime"],
        "storage_layout": output["layout"].get("storage_layout", {}),
    }
    return json.dumps(artifact, indent=1) + "\n"


def _compile(source: Path, text: str, layout: dict[str, Any] | None) -> dict[str, Any]:
    from vyper.compiler import compile_code
    from vyper.compiler.input_bundle import FilesystemInputBundle, JSONInput

    override = layout and JSONInput(0, source, source, "", layout)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # large arrays: see L2ToL1MessagePasser.vy
        output: dict[str, Any] = compile_code(
            text,
            contract_path=source,
            resolved_path=source,
            input_bundle=FilesystemInputBundle([ROOT, source.parent]),
            output_formats=OUTPUT_FORMATS,
            storage_layout_override=override,
        )
    return output


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
