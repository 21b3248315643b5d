"""Plays dispute games on L1 by the honest strategy, and sees them through to their bonds.

All that is known of a game is read from L1 anew each turn, so a restart in the middle of a game
and a reorganisation of L1 are nothing special. Stuck transactions are priced anew by the sender.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from chain.errors import DecodeError, Recovery, StemmaError
from chain.types import Address
from rollup.challenger.plan import (
    GameCall,
    credit_call,
    is_done,
    play_of,
    resolving_calls,
)
from rollup.dispute.game import Game, GameStatus
from rollup.dispute.trace import TraceProvider, TraceUnknown

from ..disputes import DisputeContracts, DisputeReader, L1Moment
from ..l1.transactions import L1Request, L1Sender, L1TransactionFailed, PendingTransaction
from .proving import ProvingInputs, Wanted

logger = logging.getLogger("stemma.challenge")

_GAMES_AT_START = 1024
"""How far back a start looks for games that are not done with."""

_GAMES_PER_TURN = 128
_MINED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class ChallengerOptions:
    """How often to look, and whose games to play: all, or only those that the account began."""

    poll_s: float
    only_own: bool = False


class Challenging:
    """One loop over all games of the respected type."""

    def __init__(
        self,
        reader: DisputeReader,
        sender: L1Sender,
        trace: TraceProvider,
        *,
        options: ChallengerOptions,
        caught_up: asyncio.Event,
        called: Callable[[str], None],
        proving: ProvingInputs | None = None,
    ) -> None:
        """`caught_up` is set when derivation has read L1 to its head; nothing is sent before.

        `proving` is needed where L1 computes what blocks are made of.
        """
        self._proving = proving
        self._reader = reader
        self._sender = sender
        self._trace = trace
        self._options = options
        self._caught_up = caught_up
        self._called = called
        self._contracts: DisputeContracts | None = None
        self._open: dict[Address, int] = {}
        self._done: set[Address] = set()
        self._told: set[tuple[Address, int]] = set()
        self._wanted: list[Wanted] = []

    async def run(self) -> None:
        """Play until cancelled. Raises what cannot be recovered from."""
        await self._caught_up.wait()
        while True:
            try:
                await self._turn()
            except StemmaError as error:
                if error.recovery is Recovery.STOP and not isinstance(error, DecodeError):
                    raise
                logger.warning("%s", error)
                # L1 may have been reorganised: ask anew for everything.
                self._contracts = None
            await asyncio.sleep(self._options.poll_s)

    async def _turn(self) -> None:
        limit = _GAMES_PER_TURN
        if self._contracts is None:
            self._contracts = await self._reader.contracts()
            self._open, self._done, limit = {}, set(), _GAMES_AT_START
        contracts = self._contracts
        if contracts is None:
            return
        at = await self._reader.now()
        listed = await self._reader.games(contracts, at, limit)
        self._open |= {
            game.address: game.index for game in listed if game.address not in self._done
        }
        self._sender.forget_nonce()
        self._wanted = []
        sent: list[PendingTransaction] = []
        for address in sorted(self._open, key=self._open.__getitem__):
            try:
                sent += await self._play(contracts, address, at)
            except TraceUnknown as error:
                self._tell(address, -1, error)
        for pending in sent:
            await self._wait(pending)
        if self._proving is not None:
            await self._proving.turn(self._wanted)

    async def _play(
        self, contracts: DisputeContracts, address: Address, at: L1Moment
    ) -> list[PendingTransaction]:
        """Do all that one game needs now."""
        game = await self._reader.game(address, at)
        if self._options.only_own and game.root.claimant != self._sender.address:
            self._forget(address)
            return []
        calls = await self._calls(contracts, address, game, at)
        sent = []
        for call in calls:
            request = L1Request(address, call.data, call.value_wei, call.gas_limit)
            try:
                sent.append(await self._sender.send(request))
            except StemmaError as error:
                if error.recovery is Recovery.STOP:
                    raise
                # Somebody was faster, or funds are short: the next reading shows which.
                logger.warning("game %s: %s: %s", address.hex()[:8], call.says, error)
                continue
            self._called(call.says.partition(":")[0].partition(" ")[0])
            logger.info(
                call.says, extra={"game": address.hex()[:8], "l2_block": game.subject.l2_number}
            )
        return sent

    async def _calls(
        self, contracts: DisputeContracts, address: Address, game: Game, at: L1Moment
    ) -> list[GameCall]:
        if game.status is GameStatus.IN_PROGRESS:
            if calls := resolving_calls(game, at.timestamp):
                return calls
            play = await asyncio.to_thread(
                play_of,
                game,
                self._trace,
                at.timestamp,
                lambda index, error: self._tell(address, index, error),
            )
            if game.subject.inputs_root is None and (play.calls or play.unproven):
                block_inputs = await self._reader.block_inputs(address, at)
                claimed = game.subject.l2_number
                self._wanted += [
                    Wanted(block_inputs, claimed),
                    *(Wanted(block_inputs, claimed, number) for number in play.unproven),
                ]
            return play.calls
        if self._options.only_own:
            # The proposer collects the bonds of its own games.
            self._forget(address)
            return []
        account = self._sender.address
        credit = await self._reader.credit(contracts, address, account, at)
        if is_done(game, credit):
            self._forget(address)
        call = credit_call(game, credit, account, contracts.delays, at.timestamp)
        return [] if call is None else [call]

    async def _wait(self, pending: PendingTransaction) -> None:
        try:
            await asyncio.wait_for(self._sender.wait(pending), _MINED_WITHIN_S)
        except TimeoutError:
            raise L1TransactionFailed(
                f"L1 transaction {pending.hashes[0]} not mined in {_MINED_WITHIN_S:.0f} s"
            ) from None
        except L1TransactionFailed as error:
            logger.warning("%s", error)

    def _forget(self, address: Address) -> None:
        self._open.pop(address, None)
        self._done.add(address)

    def _tell(self, address: Address, index: int, error: TraceUnknown) -> None:
        """Say once what cannot be answered: the guardian has to look at it."""
        if (address, index) not in self._told:
            self._told.add((address, index))
            what = "the root claim" if index < 0 else f"claim {index}"
            logger.warning("game %s: no answer to %s: %s", address.hex()[:8], what, error)
