"""What a claim costs: the contract's series of bonds, in wei.

Source: OP specs, bond-incentives.md: base × growth ^ depth; rounded down at each depth, as the
contract does.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from chain.types import Wei

_WAD: Final = 10**18


@cache
def required_bond(at_depth: int, base_wei: int, growth_wad: int) -> Wei:
    """Bond of a claim at a depth; `growth_wad` is by how much each depth costs more, in 1e-18."""
    bond = base_wei
    for _ in range(at_depth):
        bond = bond * growth_wad // _WAD
    return Wei(bond)
