"""The six flat packages are ours and nobody else's (docs/adr/0001): pip would not say so."""

from __future__ import annotations

import importlib.util
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from source_tree import ROOMS, ROOT


@pytest.mark.parametrize("room", ROOMS)
def test_package_is_the_one_of_this_checkout(room) -> None:
    spec = importlib.util.find_spec(room)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT)


@pytest.mark.parametrize("room", ROOMS)
def test_no_other_distribution_claims_the_package(room) -> None:
    assert set(packages_distributions().get(room, ["stemma-node"])) == {"stemma-node"}


def test_no_test_folder_shadows_a_package() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []
