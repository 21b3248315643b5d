"""The list of fixtures that are never run: short, with reasons, and about nothing of Prague."""

from __future__ import annotations

from chain_fixtures import chain_cases
from fixtures import files, read_tests, reason_to_skip, skip_entries
from state_fixtures import state_cases

CHAINS = (
    "ethereum_tests/BlockchainTests_TransitionTests",
    "ethereum_tests/BlockchainTests_GeneralStateTests/Pyspecs",
    "eest/blockchain_tests",
)
SMALL = tuple(f"ethereum_tests/{folder}" for folder in ("BasicTests", "GenesisTests", "TrieTests"))
KEYS = ("ethereum_tests/KeyStoreTests",)


def names() -> list[str]:
    chains = [case.name for path in files(*CHAINS) for case in chain_cases(path)]
    chains += [str(path.with_suffix("")) for path in files(*SMALL)]
    chains += [f"KeyStoreTests/{name}" for path in files(*KEYS) for name in read_tests(path)]
    return chains + [case.name for path in files("eest/state_tests") for case in state_cases(path)]


def test_each_entry_skips_something_and_says_why():
    every = names()
    for entry in skip_entries():
        assert any(entry["cases"] in name for name in every), entry
        assert len(entry["reason"]) > 10


def test_nothing_of_prague_is_skipped():
    skipped = [name for name in names() if reason_to_skip(name) is not None]
    assert skipped
    assert [name for name in skipped if "Prague" in name] == []
