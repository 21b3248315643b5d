"""The worked vectors of docs/protocol, replayed one after another, and the names on the pages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from natives import PEOPLE, Natives

from genesis.interfaces import INTERFACES

PAGES = Path(__file__).resolve().parents[4] / "docs" / "protocol"
ACCOUNTS = {person.name: person.address for person in PEOPLE}


def page_of(name):
    return (PAGES / f"{name.replace('_', '-')}.md").read_text(encoding="utf-8")


def vector_of(name):
    return json.loads(page_of(name).split("```json\n")[1].split("```")[0])


def test_worked_vectors_of_the_five_pages_follow_one_another():
    world = Natives().host
    for name, interface in INTERFACES.items():
        vector = vector_of(name)
        for call in vector["calls"]:
            outcome = world.call(
                INTERFACES[call["to"]].address,
                caller=ACCOUNTS[call["by"]],
                calldata=bytes.fromhex(call["data"][2:]),
                value=call["value"],
            )
            found = {"output": "0x" + outcome.output.hex(), "gas": outcome.gas_used}
            assert found == {"output": call["output"], "gas": call["gas"]}
            assert outcome.succeeded
        slots = {
            f"0x{slot:064x}": f"0x{value:064x}"
            for (address, slot), value in world.slots.items()
            if address == interface.address and value
        }
        assert slots == vector["slots"]
        assert world.balance(interface.address) == vector["balance"]


@pytest.mark.parametrize("name", INTERFACES)
def test_every_function_and_event_stands_on_its_page(name):
    page = page_of(name)
    for each in (*INTERFACES[name].functions, *INTERFACES[name].events):
        assert f"`{each}" in page, f"{each} is missing on the page of {name}"


@pytest.mark.parametrize("name", INTERFACES)
def test_every_page_tells_the_address(name):
    assert "0x" + INTERFACES[name].address.hex() in page_of(name)
