"""The invariants of docs/architecture.md that can be read off the source, each one a test."""

from __future__ import annotations

import ast

import pytest
from source_tree import ROOMS, source_files

# One library, one door: where each outside library may be imported. Standard library aside,
# a library that is not in this table may not be imported at all.
DOORS = {
    "aiohttp": ("node/", "ai/gateway/", "ai/worker/"),
    "blake2b": ("evm/pyevm/precompiles.py",),
    "brotli": ("rollup/wire/",),
    "ckzg": ("rollup/da/", "rollup/wire/blob.py", "evm/pyevm/", "node/l1/"),
    "coincurve": ("chain/crypto/",),
    "cryptography": ("chain/", "node/p2p/noise.py"),
    "eth": ("evm/pyevm/",),
    "msgpack": ("node/p2p/",),
    "nacl": ("chain/crypto/ed25519.py",),
    "numpy": ("ai/",),
    "peft": ("ai/",),
    "plyvel": ("chain/storage/level.py",),
    "prometheus_client": ("node/metrics.py",),
    "pyarrow": ("ai/datasets/",),
    "py_arkworks_bls12381": ("evm/pyevm/bls12_381.py",),
    "pydivsufsort": ("ai/attribution/",),
    "pyrevm": ("evm/pyevm/revm.py",),
    "rlp": ("chain/",),
    "rusty_rlp": ("chain/",),
    "safetensors": ("ai/",),
    "sha3": ("chain/crypto/keccak.py",),
    "tokenizers": ("ai/",),
    "torch": ("ai/",),
    "transformers": ("ai/",),
    "typer": ("node/cli/", "ai/worker/cli.py", "ai/demo/cli.py", "ai/audit/cli.py"),
}
# Below `node`, time and randomness are arguments.
FORBIDDEN_BELOW_NODE = {
    "time", "random", "secrets", "socket", "asyncio", "datetime", "uuid", "subprocess",
}  # fmt: skip
PURE_ROOMS = ("chain", "genesis", "evm", "rollup")
# All that decides a block or what L1 says of it; a division in a file that joins paths is not ours.
CONSENSUS = ("evm/", "chain/", "rollup/", "genesis/config.py", "genesis/allocation.py")
JOINS_PATHS = (
    "chain/storage/data_directory.py",
    "rollup/settlement/deploy.py",
    "rollup/wire/blob.py",
)


def standard_library() -> frozenset[str]:
    import sys

    return frozenset(sys.stdlib_module_names)


@pytest.mark.parametrize("source", source_files(), ids=lambda source: source.path)
def test_outside_libraries_come_in_by_their_door(source) -> None:
    for line, module in source.imports():
        top = module.split(".")[0]
        if top in ROOMS or top in standard_library():
            continue
        doors = DOORS.get(top, ())
        assert source.path.startswith(doors) if doors else False, (
            f"{source.path}:{line} imports {top}; its door is {doors or 'not in DOORS'}"
        )


@pytest.mark.parametrize(
    "source", [s for s in source_files() if s.room in PURE_ROOMS], ids=lambda source: source.path
)
def test_below_node_nothing_reads_clock_socket_or_chance(source) -> None:
    for line, module in source.imports():
        top = module.split(".")[0]
        assert top not in FORBIDDEN_BELOW_NODE, f"{source.path}:{line} imports {module}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            assert name not in {"os.environ", "os.getenv", "os.urandom"}, (
                f"{source.path}:{node.lineno} reads {name}"
            )


@pytest.mark.parametrize(
    "source",
    [s for s in source_files() if s.path.startswith(CONSENSUS) and s.path not in JOINS_PATHS],
    ids=lambda source: source.path,
)
def test_no_float_enters_the_state_transition(source) -> None:
    for node in ast.walk(source.tree):
        is_float = isinstance(node, ast.Constant) and isinstance(node.value, float)
        divides = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        named = isinstance(node, ast.Name) and node.id == "float"
        uses_float = is_float or divides or named
        assert not uses_float, f"{source.path}:{node.lineno} uses a float"


@pytest.mark.parametrize("source", source_files(), ids=lambda source: source.path)
def test_every_module_opens_with_what_it_is(source) -> None:
    assert ast.get_docstring(source.tree), f"{source.path} has no module docstring"


@pytest.mark.parametrize("source", source_files(), ids=lambda source: source.path)
def test_every_public_name_has_a_docstring(source) -> None:
    for node in source.tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{source.path}:{node.lineno} {node.name}: no docstring"


def test_only_the_composition_root_joins_the_towers() -> None:
    """`ai` and `node` meet on chain: neither imports the other, not even inside a function."""
    for source in source_files():
        tops = {module.split(".")[0] for _, module in source.imports()}
        if source.room == "ai":
            assert not tops & {"node", "rollup", "evm"}, source.path
        if source.room == "node":
            assert "ai" not in tops, source.path


def test_only_the_driver_and_the_engine_move_heads() -> None:
    """The safe and finalized heads are set by rollup/driver through evm/engine.py alone, or by the
    consensus client that drives our execution through the Engine API in its place.
    """
    allowed = (
        "rollup/driver/", "evm/engine.py", "chain/heads.py", "node/l1/dev_l1.py",
        "node/engine_api/execution.py", "node/engine_api/remote.py",
    )  # fmt: skip
    for source in source_files():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call):
                keywords = {keyword.arg for keyword in node.keywords}
                is_set_heads = (
                    isinstance(node.func, ast.Attribute) and node.func.attr == "set_heads"
                )
                if is_set_heads and keywords & {"safe", "finalized"}:
                    assert source.path.startswith(allowed), f"{source.path}:{node.lineno}"
