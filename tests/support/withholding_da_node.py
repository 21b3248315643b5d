"""A DA node that signs for its cells and does not give them to other nodes: to be caught.

python -m withholding_da_node node --role da ...
"""

from __future__ import annotations

from node.cli import main
from node.da.cell_network import CellNetwork
from node.p2p.message import GetCells

_honest = CellNetwork._items


def _withhold(self: CellNetwork, request: GetCells) -> tuple[bytes, ...]:
    return () if request.indices else _honest(self, request)


if __name__ == "__main__":
    CellNetwork._items = _withhold
    main()
