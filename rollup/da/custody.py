"""Which cells a node keeps: groups that follow from its id, so that nobody has to be asked.

Source: consensus-specs fulu/das-core.md, get_custody_groups. With 128 groups for 128 cells a group
is one cell. Knows nothing of stakes.
"""

from __future__ import annotations

import hashlib
from typing import Final

from .erasure import CELLS_PER_BLOB
from .errors import MalformedInput

NUMBER_OF_CUSTODY_GROUPS: Final = 128
CUSTODY_REQUIREMENT: Final = 4
"""Groups that a node keeps at least."""
NODE_ID_BYTES: Final = 32


def custody_groups(node_id: bytes, count: int) -> tuple[int, ...]:
    """The `count` groups of a node, ascending. Raises MalformedInput.

    `node_id` are 32 bytes, big endian. Groups of a smaller count are among those of a larger one.
    """
    if len(node_id) != NODE_ID_BYTES:
        raise MalformedInput(f"node id: expected {NODE_ID_BYTES} bytes, got {len(node_id)}")
    if not 0 <= count <= NUMBER_OF_CUSTODY_GROUPS:
        raise MalformedInput(f"custody of {count} groups: expected 0 to {NUMBER_OF_CUSTODY_GROUPS}")
    if count == NUMBER_OF_CUSTODY_GROUPS:
        return tuple(range(NUMBER_OF_CUSTODY_GROUPS))
    current = int.from_bytes(node_id, "big")
    groups: set[int] = set()
    while len(groups) < count:
        digest = hashlib.sha256(current.to_bytes(NODE_ID_BYTES, "little")).digest()
        groups.add(int.from_bytes(digest[:8], "little") % NUMBER_OF_CUSTODY_GROUPS)
        current = (current + 1) % (1 << 256)
    return tuple(sorted(groups))


def cells_of_group(group: int) -> tuple[int, ...]:
    """The cells of a custody group (compute_columns_for_custody_group)."""
    per_group = CELLS_PER_BLOB // NUMBER_OF_CUSTODY_GROUPS
    return tuple(NUMBER_OF_CUSTODY_GROUPS * index + group for index in range(per_group))


def custody_cells(node_id: bytes, count: int) -> tuple[int, ...]:
    """The cells that a node with `count` groups keeps, ascending. Raises MalformedInput."""
    groups = custody_groups(node_id, count)
    return tuple(sorted(cell for group in groups for cell in cells_of_group(group)))
