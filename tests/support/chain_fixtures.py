"""BlockchainTests as ethereum/tests and EEST write them: import a chain, say what differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fixtures import Fixture, read_tests
from state_fixtures import state_of

from chain.block import decode_block
from chain.errors import StemmaError
from chain.heads import BlockId
from chain.storage import ChainStore, MemoryStore
from evm.engine import ExecutionEngine
from evm.errors import UnknownBlock
from evm.forks import MINED
from genesis.config import ChainConfig, ForkTimes

_BLOCK_FORKS = tuple(fork for fork, _ in reversed(MINED))


def _mined(last: str, *, then: str | None = None, at: int = 5) -> ChainConfig:
    """A chain of proof of work under one fork from the start, and perhaps another from a block."""
    known = _BLOCK_FORKS.index(last) + 1 if last else 0
    follows = _BLOCK_FORKS.index(then) + 1 if then else known
    never = [(fork, None) for fork in _BLOCK_FORKS[follows:]]
    later = [(fork, at) for fork in _BLOCK_FORKS[known:follows]]
    return replace(
        ChainConfig.ethereum(1),
        forks=ForkTimes(),
        fork_blocks=(*later, *never),
        terminal_total_difficulty=None,
    )


def _merged(**times: int) -> ChainConfig:
    return replace(ChainConfig.ethereum(1), forks=ForkTimes(**times))


def _with_dao(config: ChainConfig, at: int) -> ChainConfig:
    return replace(config, fork_blocks=(*config.fork_blocks, ("daoForkBlock", at)))


CONFIGS = {
    "Frontier": _mined(""),
    "Homestead": _mined("homesteadBlock"),
    "EIP150": _mined("eip150Block"),
    "EIP158": _mined("eip158Block"),
    "Byzantium": _mined("byzantiumBlock"),
    "Constantinople": _mined("constantinopleBlock"),
    "ConstantinopleFix": _mined("petersburgBlock"),
    "Istanbul": _mined("istanbulBlock"),
    "Berlin": _mined("berlinBlock"),
    "London": _mined("londonBlock"),
    "FrontierToHomesteadAt5": _mined("", then="homesteadBlock"),
    "HomesteadToDaoAt5": _with_dao(_mined("homesteadBlock"), 5),
    "HomesteadToEIP150At5": _mined("homesteadBlock", then="eip150Block"),
    "EIP158ToByzantiumAt5": _mined("eip158Block", then="byzantiumBlock"),
    "ByzantiumToConstantinopleFixAt5": _mined("byzantiumBlock", then="petersburgBlock"),
    "BerlinToLondonAt5": _mined("berlinBlock", then="londonBlock"),
    "ArrowGlacierToParisAtDiffC0000": replace(
        _mined("arrowGlacierBlock"), terminal_total_difficulty=0xC0000
    ),
    "Paris": _merged(),
    "Shanghai": _merged(shanghai=0),
    "Cancun": _merged(shanghai=0, cancun=0),
    "Prague": _merged(shanghai=0, cancun=0, prague=0),
    "Osaka": _merged(shanghai=0, cancun=0, prague=0, osaka=0),
    "ParisToShanghaiAtTime15k": _merged(shanghai=15_000),
    "ShanghaiToCancunAtTime15k": _merged(shanghai=0, cancun=15_000),
    "CancunToPragueAtTime15k": _merged(shanghai=0, cancun=0, prague=15_000),
}


def chain_cases(path: Path) -> Iterator[Fixture]:
    """Every chain of a file."""
    for test, content in read_tests(path).items():
        yield Fixture(path, test, content["network"])


def disagreement(case: Fixture) -> str | None:
    """Import the blocks; None where each is taken or refused as written, and the last is there."""
    test = case.read()
    chain = _genesis(test)
    for number, block in enumerate(test["blocks"]):
        refusal = _refusal(chain, bytes.fromhex(block["rlp"][2:]))
        expected = block.get("expectException")
        if (refusal is None) != (expected is None):
            return f"block {number}: refusal expected: {expected}; got: {refusal}"
    last = bytes.fromhex(test["lastblockhash"][2:])
    return None if chain.block(last) is not None else f"head 0x{chain.heads.unsafe.hash.hex()}"


def _genesis(test: dict[str, Any]) -> ExecutionEngine:
    genesis = decode_block(bytes.fromhex(test["genesisRLP"][2:]))
    changes = state_of(test["pre"]).take_changes()
    config = CONFIGS[test["network"]]
    return ExecutionEngine.open(ChainStore(MemoryStore()), config, (genesis, changes))


def _refusal(chain: ExecutionEngine, raw: bytes) -> StemmaError | None:
    """Why a block is not taken; one on a side branch makes the head go back first."""
    try:
        block = decode_block(raw)
        parent = block.header.parent_hash
        if parent != chain.heads.unsafe.hash:
            header = chain.header(parent)
            if header is None:
                raise UnknownBlock(f"no parent 0x{parent.hex()}")
            chain.execute(block)
            chain.set_heads(unsafe=BlockId(header.number, parent))
        chain.import_block(block)
    except StemmaError as error:
        return error
    return None
