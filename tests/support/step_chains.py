"""Blocks of the field's chains, stepped through beside their import."""

from __future__ import annotations

import step_blocks
from chain_fixtures import _genesis
from fixtures import Fixture

from chain.block import decode_block
from evm.engine import attributes_of
from evm.step.state import Phase

STEPPED = ("Cancun", "Prague", "Osaka")


def disagreement_on_blocks(case: Fixture) -> str | None:
    """None where each block that is to be taken has the same header by steps.

    Blocks with withdrawals are imported only: there are no steps for them.
    """
    test = case.read()
    chain = _genesis(test)
    headers = [chain.header(chain.heads.unsafe.hash)]
    for number, entry in enumerate(test["blocks"]):
        if entry.get("expectException"):
            continue
        block = decode_block(bytes.fromhex(entry["rlp"][2:]))
        if block.header.parent_hash != headers[-1].hash:
            return None  # side branches are the store's matter
        if not block.withdrawals:
            by_number = {header.number: header.hash for header in headers}
            prepared = step_blocks.prepare(
                chain.config, headers[-1], attributes_of(block), chain.store, by_number.get, headers
            )
            last, _, header_hash = step_blocks.run(prepared)
            if header_hash != block.hash or last.phase != Phase.VALID:
                return f"block {number}: 0x{header_hash.hex()}, expected 0x{block.hash.hex()}"
        chain.import_block(block)
        headers.append(block.header)
    return None
