"""One lock: what pyproject.toml pins, what requirements.lock pins and what is installed agree."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version

import pytest
from packaging.requirements import Requirement
from source_tree import ROOT


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lines: list[str]) -> dict[str, str]:
    found = {}
    for line in lines:
        text = line.split("#")[0].strip()
        if text:
            name, pin = text.split("==")
            found[canonical(name.split("[")[0])] = pin
    return found


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = pins((ROOT / "requirements.lock").read_text().splitlines())
EXTRAS = PROJECT["optional-dependencies"]


@pytest.mark.parametrize("group", ["base", "ai", "dev"])
def test_every_direct_dependency_is_pinned_and_in_the_lock(group) -> None:
    wanted = PROJECT["dependencies"] if group == "base" else EXTRAS[group]
    for name, pin in pins(wanted).items():
        assert LOCK.get(name) == pin, f"{name}: pyproject {pin}, lock {LOCK.get(name)}"


def test_what_is_installed_is_what_is_locked() -> None:
    for name, pin in LOCK.items():
        try:
            installed = version(name).split("+")[0]
        except PackageNotFoundError:
            continue  # an extra that this environment was set up without
        assert installed == pin, f"{name}: installed {installed}, lock {pin}"


def test_the_lock_holds_nothing_that_nothing_needs() -> None:
    direct = set(pins(PROJECT["dependencies"] + EXTRAS["ai"] + EXTRAS["dev"]))
    needed = set(direct) | {"setuptools"}
    queue = list(direct)
    while queue:
        name = queue.pop()
        try:
            lines = requires(name) or []
        except PackageNotFoundError:
            pytest.skip(f"{name} is not installed, so its needs cannot be read")
        for line in lines:
            need = canonical(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0])
            if need in LOCK and need not in needed:
                needed.add(need)
                queue.append(need)
    assert set(LOCK) - needed == set()


def test_the_lock_holds_everything_that_something_in_it_needs() -> None:
    absent = []
    for name in LOCK:
        try:
            needs = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:
            continue
        for need in needs:
            applies = need.marker is None or need.marker.evaluate({"extra": ""})
            if applies and canonical(need.name) not in LOCK:
                absent.append(f"{name} needs {need.name}")
    # what the build of torch for the CPU leaves out, and pip's own neighbours
    assert [each for each in absent if not each.startswith("torch needs")] == []
