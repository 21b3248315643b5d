"""Which records of a state one block began and ceased to use: what a pruning store counts by.

A state uses a trie node once for each place it has in a trie, and code once for each account that
has it. A block's turnover says how its state's uses differ from its parent's, besides one use of
each node that it made. Knows nothing of when a state is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .types import Hash32


@dataclass(frozen=True, slots=True)
class Turnover:
    """Uses that came and went with a block.

    Attributes:
        repeated: nodes that the block made in more than one place, once for each further place.
        retired: nodes that lost a place, once for each.
        wiped: roots of storages that went as a whole; their nodes are not among the retired.
        codes: by how many accounts more (or fewer) a code is had; never 0.

    """

    repeated: tuple[Hash32, ...] = ()
    retired: tuple[Hash32, ...] = ()
    wiped: tuple[Hash32, ...] = ()
    codes: Mapping[Hash32, int] = field(default_factory=dict)
