"""Asks peers for the cells that a `Sampling` has drawn, and tells it what came.

One index goes to one of its holders at a time, to another after a failure. A time-out, a refusal,
a missing cell and a wrong one are failures alike. Entropy is drawn here, after the commitment is
known, and stays here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chain.errors import StemmaError
from genesis.da_committee import DaCommittee
from rollup.da.erasure import verify_cells
from rollup.da.errors import DataAvailabilityError, WrongProof
from rollup.da.receipt import cell_set
from rollup.da.sampler import ENTROPY_BYTES, Sampling, SamplingPlan, Verdict
from rollup.da.security import assignments

from .dispersal import Peers
from .peer import CellPeer


def begin(commitment: bytes, plan: SamplingPlan) -> Sampling:
    """A sampling with entropy of its own."""
    return Sampling.begin(commitment, os.urandom(ENTROPY_BYTES), plan)


def begin_again(sampling: Sampling) -> None:
    """Another round, drawn anew."""
    sampling.draw_again(os.urandom(ENTROPY_BYTES))


class Watch(Protocol):
    """Hears of answers that their senders have to answer for."""

    async def wrong(self, identity: bytes, commitment: bytes, indices: Sequence[int]) -> None:
        """Cells whose proofs do not hold."""
        ...

    async def missing(self, identity: bytes, commitment: bytes, indices: Sequence[int]) -> None:
        """An answer without cells that were asked for."""
        ...


async def sample(sampling: Sampling, peers: Peers, watch: Watch | None = None) -> dict[str, str]:
    """Ask until the round has its verdict; what failed, by peer."""
    failures: dict[str, str] = {}
    holders = _holders(peers.committee)
    while sampling.verdict is Verdict.PENDING:
        carriers = await peers.by_operator()
        shares: dict[int, list[int]] = {}
        for index in sampling.to_ask():
            able = [number for number in holders.get(index, ()) if number in carriers]
            if not able:
                sampling.failed(index)
                failures.setdefault(f"cell {index}", "no holder of it answers")
                continue
            shares.setdefault(able[sampling.attempts(index) % len(able)], []).append(index)
        await asyncio.gather(
            *(
                _ask(sampling, carriers[number], share, failures, _Reporter(watch, peers, number))
                for number, share in shares.items()
            )
        )
    return failures


@dataclass(frozen=True, slots=True)
class _Reporter:
    """Tells the watch of one operator."""

    watch: Watch | None
    peers: Peers
    number: int

    async def report(self, commitment: bytes, wrong: set[int], missing: set[int]) -> None:
        identity = self.peers.committee.operators[self.number].identity
        if self.watch is not None and wrong:
            await self.watch.wrong(identity, commitment, sorted(wrong))
        if self.watch is not None and missing:
            await self.watch.missing(identity, commitment, sorted(missing))


async def _ask(
    sampling: Sampling,
    peer: CellPeer,
    share: list[int],
    failures: dict[str, str],
    reporter: _Reporter,
) -> None:
    good: set[int] = set()
    wrong: set[int] = set()
    missing: set[int] = set()
    try:
        cells = await peer.cells(sampling.commitment, cell_set(share))
        good = {cell.index for cell in cells}
        missing = set(share) - good
        await asyncio.to_thread(verify_cells, sampling.commitment, cells)
    except WrongProof as error:
        wrong = set(error.indices)
        good -= wrong
        failures[peer.name] = str(error)
    except DataAvailabilityError as error:
        good = set()
        failures[peer.name] = str(error)
    except StemmaError as error:
        failures[peer.name] = str(error)
    for index in share:
        if index in good:
            sampling.held(index)
        else:
            sampling.failed(index)
            failures.setdefault(peer.name, f"cell {index} was not there")
    await reporter.report(sampling.commitment, wrong, missing)


def _holders(committee: DaCommittee) -> dict[int, list[int]]:
    """Cell index → the operators that keep it."""
    holders: dict[int, list[int]] = {}
    for number, cells in enumerate(assignments(committee)):
        for index in cells:
            holders.setdefault(index, []).append(number)
    return holders
