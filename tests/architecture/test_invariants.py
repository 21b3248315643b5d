"""Each invariant of docs/architecture.md has its tests; what the source itself shows is here."""

from __future__ import annotations

import ast
import re

import pytest
from source_tree import ROOT, source_files

HOUSE = "tests/architecture/test_house_rules.py"
HERE = "tests/architecture/test_invariants.py"
# Number of the invariant → the tests that hold it, as file::test.
TESTS = {
    1: (f"{HOUSE}::test_outside_libraries_come_in_by_their_door",),
    2: (f"{HOUSE}::test_below_node_nothing_reads_clock_socket_or_chance",),
    3: (
        f"{HERE}::test_a_precompile_knows_values_interfaces_and_its_frame_only",
        "tests/differential/test_natives_on_both_frames.py::test_a_walk_through_the_market",
    ),
    4: (f"{HERE}::test_a_precompile_keeps_nothing_between_calls",),
    5: (f"{HOUSE}::test_no_float_enters_the_state_transition",),
    6: (
        f"{HOUSE}::test_only_the_driver_and_the_engine_move_heads",
        f"{HERE}::test_heads_change_by_their_own_moves_only",
    ),
    7: (
        "tests/actions/test_derivation_is_a_function.py::test_restarts_and_small_steps_change_nothing",
        "tests/actions/test_derivation_is_a_function.py::test_reorgs_of_l1_leave_no_trace",
    ),
    8: (f"{HERE}::test_concrete_parts_are_joined_in_one_place",),
    9: (
        "tests/unit/chain/test_split.py::test_ties_go_to_the_first",
        "tests/property/test_precompile_conservation.py::NativesMachine",
    ),
    10: (
        "tests/unit/ai/test_adapters.py::test_the_id_names_the_content",
        "tests/unit/ai/test_datasets.py::test_blobs_come_back_under_their_hash",
        "tests/unit/ai/test_datasets.py::test_one_altered_row_is_refused",
    ),
}
PRECOMPILES = [s for s in source_files() if s.path.startswith("evm/precompiles/")]
# What a precompile may import besides its own room: values and interfaces, no state and no store.
PRECOMPILE_IMPORTS = re.compile(
    r"(__future__|collections\.abc|dataclasses|functools|types|typing"
    r"|chain\.(abi|attestation|crypto\.(keccak|merkle|secp256k1)|errors|split|types)"
    r"|genesis\.(addresses|interfaces|leaves|solidity))\Z"
)
# Part → where it may be put together. The embedded L1 is a node of its own inside the process.
JOINTS = {
    "PoolBuilder": ("node/application.py",),
    **dict.fromkeys(
        ("Driver", "Sequencer", "Batcher", "Deriving", "FollowingL1", "Sequencing", "Batching"),
        ("node/application.py", "node/split_node.py"),
    ),
    **dict.fromkeys(
        ("MemoryL1Provider", "L1Follower", "L1Source"),
        (
            "node/application.py",
            "node/split_node.py",
            "node/explaining.py",
            "node/input_proving.py",
            "node/da_node.py",
        ),
    ),
    **dict.fromkeys(
        ("HealthProbe", "DevClock"),
        ("node/application.py",),
    ),
    **dict.fromkeys(
        ("RpcServer", "ServerOptions", "Dispatcher"),
        ("node/application.py", "node/embedded_l1.py", "node/split_node.py"),
    ),
    **dict.fromkeys(("SharedPool", "Backend"), ("node/chain_runtime.py",)),
    "LevelStore": ("node/chain_runtime.py", "node/da_node.py"),
    "EmbeddedL1": ("node/application.py",),
    "DevL1": ("node/embedded_l1.py",),
}
MUTATORS = {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove"}
MUTATORS |= {"setdefault", "update", "__setitem__"}


def _names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def test_every_invariant_has_tests() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    section = page.split("## Invariants")[1].split("\n## ")[0]
    numbers = [int(found) for found in re.findall(r"^(\d+)\. ", section, re.MULTILINE)]
    assert numbers == list(TESTS)


@pytest.mark.parametrize("name", [name for tests in TESTS.values() for name in tests])
def test_the_test_of_an_invariant_exists(name) -> None:
    path, _, test = name.partition("::")
    assert test in _names_in(path)


@pytest.mark.parametrize("source", PRECOMPILES, ids=lambda source: source.path)
def test_a_precompile_knows_values_interfaces_and_its_frame_only(source) -> None:
    for line, module in source.imports():
        assert PRECOMPILE_IMPORTS.match(module), f"{source.path}:{line} imports {module}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level < 2, f"{source.path}:{node.lineno} reaches out of its room"


def _written(node: ast.AST) -> str | None:
    """The name whose content a statement or call changes, if it is a plain name."""
    target: ast.AST | None = None
    if isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
        target = node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        target = node.func.value if node.func.attr in MUTATORS else None
    return target.id if isinstance(target, ast.Name) else None


@pytest.mark.parametrize("source", PRECOMPILES, ids=lambda source: source.path)
def test_a_precompile_keeps_nothing_between_calls(source) -> None:
    """No global is rebound or changed, nothing is cached: what remains lies in storage slots."""
    shared = {
        name.id
        for node in source.tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for name in ast.walk(node)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }
    for node in ast.walk(source.tree):
        where = f"{source.path}:{getattr(node, 'lineno', 0)}"
        assert not isinstance(node, ast.Global | ast.Nonlocal), where
        assert _written(node) not in shared, f"{where} changes {_written(node)}"
        if isinstance(node, ast.FunctionDef):
            wrappers = {ast.unparse(wrapper) for wrapper in node.decorator_list}
            assert not any("cache" in wrapper for wrapper in wrappers), f"{where} {node.name}"


def test_heads_change_by_their_own_moves_only() -> None:
    """Nobody makes a `Heads` of parts of their own, but for a store that reads it back."""
    allowed = ("chain/heads.py", "chain/storage/schema.py")
    for source in source_files():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                is_heads = node.func.id == "Heads"
                assert not is_heads or source.path.startswith(allowed), (
                    f"{source.path}:{node.lineno}"
                )


def test_concrete_parts_are_joined_in_one_place() -> None:
    seen = set()
    for source in source_files():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                places = JOINTS.get(node.func.id)
                if places is not None:
                    seen.add(node.func.id)
                    assert source.path in places, f"{source.path}:{node.lineno} {node.func.id}"
    assert seen == set(JOINTS), "a part of the table is not made anywhere"
