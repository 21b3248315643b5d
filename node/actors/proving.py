"""Has L1 compute what disputed L2 blocks are made of, for whoever plays the games about them.

A call for each block and turn, so that the games go on beside it. Knows no game.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from chain.block import Block
from chain.errors import StemmaError
from chain.types import Address
from genesis.config import RollupConfig

from ..input_proving import InputProver
from ..l1.json_rpc import JsonRpcClient
from ..l1.transactions import L1Sender

logger = logging.getLogger("stemma.prove")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The inputs of L2 block `number`, None for none yet, in a game about block `claimed`, at the
    BlockInputs contract of that game.
    """

    block_inputs: Address
    claimed: int
    number: int | None = None


class ProvingInputs:
    """Proves inputs with the account that plays."""

    def __init__(
        self,
        config: RollupConfig,
        client: JsonRpcClient,
        sender: L1Sender,
        block_of: Callable[[int], Block | None],
    ) -> None:
        """`block_of` gives the node's own L2 blocks."""
        self._config = config
        self._client = client
        self._sender = sender
        self._block_of = block_of
        self._provers: dict[tuple[Address, int], InputProver] = {}
        self._told: set[tuple[Wanted, str]] = set()

    async def turn(self, wanted: list[Wanted]) -> None:
        """Send for each what is missing next, and wait for it. What cannot be done is told once."""
        kept = {(each.block_inputs, each.claimed) for each in wanted}
        self._provers = {key: each for key, each in self._provers.items() if key in kept}
        for each in wanted:
            try:
                await self._advance(each)
            except StemmaError as error:
                if (each, str(error)) not in self._told:
                    self._told.add((each, str(error)))
                    logger.warning("inputs of L2 block %s: %s", each.number or each.claimed, error)

    async def _advance(self, wanted: Wanted) -> None:
        key = wanted.block_inputs, wanted.claimed
        prover = self._provers.get(key)
        if prover is None:
            prover = InputProver(
                self._config, self._client, wanted.block_inputs, self._sender, logger.info
            )
            claimed = self._block_of(wanted.claimed)
            if claimed is not None:
                # The disputed block is one before it, and it may take days to find which.
                await prover.remember(claimed)
            self._provers[key] = prover
        parent = None if wanted.number is None else self._block_of(wanted.number - 1)
        if parent is not None:
            await prover.advance(parent)
