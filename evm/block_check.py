"""Whether a block may follow its parent, and whether it is what its execution gives.

Looks at headers, at ommers and at where proof of work ends; the body is the executor's. The seal of
proof of work is not checked. Sources: yellow paper, 4.3.4 and 11.1; EIP-779 (extra data of the DAO
fork), EIP-1559 (gas limit), EIP-3675 (the merge); OP Stack specs (extra data of an L2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Final

from chain.block import Block, Header
from chain.storage.cache import LruCache
from chain.types import Hash32
from genesis.config import GAS_LIMIT_MIN, ChainConfig

from .errors import InvalidBlock
from .fees import FeeParameters, InvalidExtraData, has_base_fee, next_base_fee
from .forks import mined_rules, rules_of

MAX_EXTRA_DATA_BYTES: Final = 32
GAS_LIMIT_STEP: Final = 1_024
"""An L1's gas limit moves by less than this part of its parent's."""
MAX_GAS: Final = 2**63 - 1
BASE_FEE_ELASTICITY: Final = 2
"""London doubles the gas limit, since the target is half of it."""
MAX_OMMERS: Final = 2
OMMER_GENERATIONS: Final = 7
"""How many blocks back the parent of an ommer may be, the block's own parent being the first."""
DAO_EXTRA_DATA: Final = b"dao-hard-fork"
DAO_EXTRA_DATA_BLOCKS: Final = 10
"""The DAO fork's first blocks, which have to say so."""
_REMEMBERED: Final = 8_192

HeaderOf = Callable[[Hash32], Header | None]
BlockOf = Callable[[Hash32], Block | None]


def check_header(given: Header, executed: Header) -> None:
    """Compare a header with what execution made. Raises InvalidBlock naming the first field."""
    for each in fields(Header):
        want, have = getattr(given, each.name), getattr(executed, each.name)
        if want != have:
            raise InvalidBlock(
                given.hash, given.number, f"{each.name} is {want!r}, execution gives {have!r}"
            )


def check_parent(config: ChainConfig, header: Header, parent: Header) -> None:
    """What a header has to be whatever is executed. Raises InvalidBlock."""
    if header.number != parent.number + 1:
        raise _refused(header, f"its parent has the number {parent.number}")
    if header.timestamp <= parent.timestamp:
        raise _refused(
            header, f"timestamp {header.timestamp} is not after the parent's {parent.timestamp}"
        )
    if config.is_optimism:  # SystemConfig on L1 says how much gas
        _check_l2_extra_data(config, header)
        return
    if len(header.extra_data) > MAX_EXTRA_DATA_BYTES:
        raise _refused(
            header, f"extraData of {len(header.extra_data)} bytes, {MAX_EXTRA_DATA_BYTES} at most"
        )
    _check_gas_limit(config, header, parent)
    dao = config.fork_block("daoForkBlock")
    is_dao = dao is not None and 0 <= header.number - dao < DAO_EXTRA_DATA_BLOCKS
    if is_dao and header.extra_data != DAO_EXTRA_DATA:
        raise _refused(header, f"extraData 0x{header.extra_data.hex()}, dao-hard-fork expected")


def _check_l2_extra_data(config: ChainConfig, header: Header) -> None:
    """Empty before Holocene, then base fee parameters that a child can go by.

    Source: specs exec-engine.md, Extra Data; {holocene,jovian}/exec-engine.md.
    """
    optimism = rules_of(config, header).optimism
    if optimism is None or not optimism.has_fee_parameters:
        if header.extra_data:
            raise _refused(header, f"extraData 0x{header.extra_data.hex()}, none before Holocene")
        return
    try:
        FeeParameters.decode(header.extra_data, has_min_base_fee=optimism.has_min_base_fee)
    except InvalidExtraData as error:
        raise _refused(header, str(error)) from error


def _check_gas_limit(config: ChainConfig, header: Header, parent: Header) -> None:
    limit, before = header.gas_limit, parent.gas_limit
    if parent.base_fee_per_gas is None and has_base_fee(config, header.number):
        before *= BASE_FEE_ELASTICITY
    if abs(limit - before) >= before // GAS_LIMIT_STEP or not GAS_LIMIT_MIN <= limit <= MAX_GAS:
        raise _refused(header, f"gas limit {limit} after the parent's {before}")


def check_ommers(config: ChainConfig, block: Block, block_of: BlockOf) -> None:
    """Whether a block's ommers are such: recent, valid as headers, and not named before.

    `block_of` finds an ancestor by its hash. Raises InvalidBlock.
    """
    ommers, header = block.ommers, block.header
    if not ommers:
        return
    if not header.difficulty:
        raise _refused(header, f"{len(ommers)} ommers after the merge")
    if len(ommers) > MAX_OMMERS:
        raise _refused(header, f"{len(ommers)} ommers, {MAX_OMMERS} at most")
    ancestors, named = _family(block, block_of)
    for ommer in ommers:
        place = f"ommer 0x{ommer.hash.hex()}"
        if ommer.hash in named or ommer.hash in ancestors:
            raise _refused(header, f"{place} is an ancestor or named before")
        named.add(ommer.hash)
        parent = ancestors.get(ommer.parent_hash)
        if parent is None or ommer.parent_hash == header.parent_hash:
            raise _refused(header, f"{place}: its parent is none of the six before this one's")
        _check_ommer(config, ommer, parent)


def _family(block: Block, block_of: BlockOf) -> tuple[dict[Hash32, Header], set[Hash32]]:
    """The ancestors that an ommer may come from, and the ommers that they name."""
    ancestors: dict[Hash32, Header] = {}
    named: set[Hash32] = set()
    parent_hash = block.header.parent_hash
    for _ in range(OMMER_GENERATIONS):
        ancestor = block_of(parent_hash)
        if ancestor is None:
            break
        ancestors[parent_hash] = ancestor.header
        named.update(ommer.hash for ommer in ancestor.ommers)
        parent_hash = ancestor.header.parent_hash
    return ancestors, named


def _check_ommer(config: ChainConfig, ommer: Header, parent: Header) -> None:
    """The header of an ommer, as far as it can be checked without executing its block."""
    check_parent(config, ommer, parent)
    work = mined_rules(config, ommer.number).work
    difficulty = work.difficulty(parent, ommer.timestamp) if work is not None else 0
    if ommer.difficulty != difficulty:
        raise _refused(ommer, f"difficulty is {ommer.difficulty}, {difficulty} expected")
    if ommer.gas_used > ommer.gas_limit:
        raise _refused(ommer, f"gas used {ommer.gas_used} is above the limit {ommer.gas_limit}")
    base_fee = next_base_fee(config, parent) if has_base_fee(config, ommer.number) else None
    if ommer.base_fee_per_gas != base_fee:
        raise _refused(ommer, f"base fee is {ommer.base_fee_per_gas}, {base_fee} expected")


class Merge:
    """Where proof of work ends on one chain: knows the total difficulty of recent blocks."""

    def __init__(self, config: ChainConfig, header_of: HeaderOf) -> None:
        self._terminal = config.terminal_total_difficulty
        self._header_of = header_of
        self._totals: LruCache[int] = LruCache(_REMEMBERED)

    def check(self, header: Header, parent: Header) -> None:
        """A block is mined up to the terminal total difficulty, and no further (EIP-3675).

        Raises InvalidBlock.
        """
        if self._is_over(parent) == (header.difficulty == 0):
            return
        terminal = self._terminal
        raise _refused(
            header,
            f"difficulty is {header.difficulty} on a parent with total difficulty "
            f"{self.total_difficulty(parent)}, proof of work ends at {terminal}",
        )

    def _is_over(self, parent: Header) -> bool:
        """Whether the children of `parent` are blocks of proof of stake."""
        terminal = self._terminal
        if not terminal or (parent.difficulty == 0 and parent.number):
            return terminal is not None
        return self.total_difficulty(parent) >= terminal

    def total_difficulty(self, header: Header) -> int:
        """Sum of the difficulties of a block and all before it, as far back as they are known."""
        total, at = 0, header
        while (known := self._totals.get(at.hash)) is None:
            total += at.difficulty
            before = self._header_of(at.parent_hash) if at.number else None
            if before is None:
                break
            at = before
        total += known or 0
        self._totals.put([(header.hash, total, 1)])
        return total


def _refused(header: Header, why: str) -> InvalidBlock:
    return InvalidBlock(header.hash, header.number, why)
