"""Stage 1: walks the canonical L1 chain, block by block, and keeps the system config of each.

Source: OP Stack specs, protocol/derivation.md, "L1 Traversal".
Knows nothing of what is read out of a block.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rollup.bridge.system_config import apply_config_updates
from rollup.l1.provider import L1DataMissing

from .errors import ReorgDetected

if TYPE_CHECKING:
    from genesis.config import RollupConfig, SystemConfig
    from rollup.l1.provider import L1Block, L1Provider


class L1Traversal:
    """The pipeline's place on L1: `origin`, and the system config in force at its end."""

    def __init__(
        self,
        config: RollupConfig,
        provider: L1Provider,
        origin: L1Block,
        system_config: SystemConfig,
    ) -> None:
        """Start at origin, whose config updates are already part of system_config."""
        self._config = config
        self._provider = provider
        self._unread: L1Block | None = origin
        self.origin = origin
        self.system_config = system_config

    def next_block(self) -> L1Block | None:
        """The origin, once; None until `advance` has found the next."""
        block, self._unread = self._unread, None
        return block

    def advance(self) -> None:
        """Move to the next L1 block.

        Raises L1DataMissing at the end of L1, ReorgDetected when the chain that goes on there is
        not the one that led here.
        """
        try:
            block = self._provider.block_by_number(self.origin.number + 1)
        except L1DataMissing:
            # A reorg to a chain that is not longer shows in the origin itself; where the origin is
            # not known by number, the next block's parent will tell.
            with contextlib.suppress(L1DataMissing):
                self.require_canonical()
            raise
        if block.parent_hash != self.origin.hash:
            raise ReorgDetected(
                f"{block.ref} has parent 0x{block.parent_hash.hex()}, "
                f"the pipeline stands at 0x{self.origin.hash.hex()}"
            )
        self.system_config = apply_config_updates(
            self.system_config,
            block,
            self._config.l1_system_config_address,
            is_ecotone=self._config.forks.is_active("ecotone", block.timestamp),
        )
        self.origin = block
        self._unread = block

    def require_canonical(self) -> None:
        """Compare the origin, or its ancestor at L1's height where L1 is shorter, with L1.

        Raises ReorgDetected, and L1DataMissing for a number that has to be fetched to tell.
        """
        head = self._provider.head()
        ours = self.origin
        while head is not None and ours.number > head.number:
            try:
                ours = self._provider.block_by_hash(ours.parent_hash)
            except L1DataMissing as missing:
                raise ReorgDetected(
                    f"L1 ends at {head}, the pipeline stands at {self.origin.ref}"
                ) from missing
        canonical = self._provider.block_by_number(ours.number)
        if canonical.hash != ours.hash:
            raise ReorgDetected(f"{ours.ref} is no longer canonical, 0x{canonical.hash.hex()} is")
