"""Chains to files and from files: the format, resumption, and what a bad block says."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from execution import KEYS, USERS, attributes
from typer.testing import CliRunner

from chain import rlp
from chain.block import Block
from chain.errors import DecodeError
from chain.storage import ChainStore, DataDirectory, LevelStore, MemoryStore
from chain.transaction import DynamicFeeTransaction, sign_transaction
from evm.engine import ExecutionEngine
from genesis.allocation import GenesisAccount, GenesisSpec, dev_l1_genesis, genesis_block
from node.block_file import BlockFile, BlockFileError, read_list, written_whole
from node.chain_transfer import (
    ImportFailed,
    NothingToExport,
    Progress,
    export_blocks,
    import_blocks,
)
from node.cli import app

BLOCKS = 6


def spec() -> GenesisSpec:
    plain = dev_l1_genesis(1_700_000_000)
    rich = {user: GenesisAccount(balance=10**20) for user in USERS}
    return replace(plain, alloc={**plain.alloc, **rich})


def open_engine(store=None) -> ExecutionEngine:
    given = spec()
    store = store or ChainStore(MemoryStore())
    return ExecutionEngine.open(store, given.config, genesis_block(given))


@pytest.fixture(scope="module")
def chain() -> ExecutionEngine:
    """A chain of six blocks with two transfers in each."""
    engine = open_engine()
    for number in range(BLOCKS):
        sent = [
            sign_transaction(
                DynamicFeeTransaction(
                    engine.config.chain_id, number, 1, 10**10, 21_000, USERS[2], user, b""
                ),
                KEYS[user],
            )
            for user in (0, 1)
        ]
        wanted = attributes(engine, *sent, fee_recipient=USERS[3])
        engine.commit(engine.build(wanted))
    return engine


@pytest.fixture
def file(chain, tmp_path):
    path = tmp_path / "chain.rlp"
    with written_whole(path) as stream:
        export_blocks(chain, stream, 0, BLOCKS, lambda _: None)
    return path


def take(engine, path, told=lambda _: None) -> Progress:
    with BlockFile(path) as blocks:
        return import_blocks(engine, blocks, told)


def encoded(chain, *numbers) -> bytes:
    return b"".join(chain.block_by_number(number).encode() for number in numbers)


def changed(chain, number, **fields) -> Block:
    """A block of the chain with other header fields."""
    block = chain.block_by_number(number)
    return Block(replace(block.header, **fields), block.transactions, block.withdrawals)


# -- the file


def test_file_is_the_rlp_of_one_block_after_the_other(chain, file):
    assert file.read_bytes() == encoded(chain, *range(BLOCKS + 1))


def test_worked_example_of_the_page():
    raw = genesis_block(dev_l1_genesis(1_700_000_000))[0].encode()
    text = (Path(__file__).parents[3] / "docs/protocol/chain-file.md").read_text()
    assert f"a file of {len(raw)} bytes: `{raw[:3].hex()}` (a list of {len(raw) - 3})" in text
    assert f"`{raw[3:6].hex()}…` (the header, {len(raw) - 6} bytes)" in text
    assert raw[-3:] == b"\xc0\xc0\xc0"


def test_name_that_ends_in_gz_is_compressed_and_reads_the_same(chain, file, tmp_path):
    packed = tmp_path / "chain.rlp.gz"
    with written_whole(packed) as stream:
        export_blocks(chain, stream, 0, BLOCKS, lambda _: None)
    assert gzip.decompress(packed.read_bytes()) == file.read_bytes()
    with BlockFile(packed) as one, BlockFile(file) as other:
        assert [raw.data for raw in one] == [raw.data for raw in other]
    assert take(open_engine(), packed).blocks == BLOCKS


def test_export_that_fails_leaves_no_file(chain, tmp_path):
    path = tmp_path / "cut.rlp"
    path.write_bytes(b"older")

    def stop(progress):
        if progress.blocks == 3:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError), written_whole(path) as stream:
        export_blocks(chain, stream, 0, BLOCKS, stop)
    assert [each.name for each in tmp_path.iterdir()] == ["cut.rlp"]
    assert path.read_bytes() == b"older"


@pytest.mark.parametrize(("first", "last"), [(-1, 2), (3, 2), (0, BLOCKS + 1)])
def test_blocks_that_are_not_there_cannot_be_exported(chain, first, last):
    with pytest.raises(NothingToExport, match=f"blocks {first} to {last} of a chain .* block 6"):
        export_blocks(chain, io.BytesIO(), first, last, lambda _: None)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x83abc", "expected an RLP list, the first byte is 0x83"),
        (b"\xc3ab", "the file ends after 2 of 3 bytes"),
        (b"\xf9\x01", "the file ends after 1 of 2 bytes"),
        (b"\xfb\xff\xff\xff\xff", "a list of 4294967295 bytes, 134217728 at most"),
    ],
)
def test_what_is_no_list_is_refused_before_it_is_read(data, reason):
    with pytest.raises(DecodeError, match=reason):
        read_list(io.BytesIO(data))


def test_file_that_breaks_off_is_named_with_block_and_byte(chain, tmp_path):
    path = tmp_path / "cut.rlp"
    whole = encoded(chain, 1, 2)
    path.write_bytes(whole[:-5])
    engine = open_engine()
    start = len(encoded(chain, 1))
    with pytest.raises(BlockFileError, match=rf"cut\.rlp: block 1 of the file, at byte {start}: "):
        take(engine, path)
    assert engine.heads.unsafe.number == 1


def test_damaged_compression_is_named(tmp_path):
    path = tmp_path / "chain.rlp.gz"
    path.write_bytes(b"no gzip at all")
    with pytest.raises(BlockFileError, match=r"chain\.rlp\.gz: block 0 of the file"):
        take(open_engine(), path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(BlockFileError, match=r"absent\.rlp: No such file"):
        BlockFile(tmp_path / "absent.rlp")


# -- importing


def test_import_gives_the_same_chain(chain, file):
    engine = open_engine()
    progress = take(engine, file)
    assert engine.heads.unsafe == chain.heads.unsafe
    assert (progress.blocks, progress.known, progress.number) == (BLOCKS, 1, BLOCKS)
    assert progress.gas == BLOCKS * 2 * 21_000
    assert progress.done == progress.whole == file.stat().st_size


def test_import_that_was_stopped_goes_on_where_it_was(file, tmp_path):
    kv = MemoryStore()
    engine = open_engine(ChainStore(kv))

    def stop(progress):
        if progress.number == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(engine, file, stop)
    assert engine.heads.unsafe.number == 4
    again = open_engine(ChainStore(kv))
    progress = take(again, file)
    assert (progress.known, progress.blocks, again.heads.unsafe.number) == (5, 2, BLOCKS)
    assert take(again, file).blocks == 0


def test_bad_block_is_named_with_its_rule_and_what_is_before_it_stays(chain, tmp_path):
    bad = changed(chain, 4, gas_used=1)
    path = tmp_path / "bad.rlp"
    path.write_bytes(encoded(chain, 1, 2, 3) + bad.encode() + encoded(chain, 5))
    engine = open_engine()
    with pytest.raises(ImportFailed) as caught:
        take(engine, path)
    assert (caught.value.number, caught.value.block_hash) == (4, bad.hash)
    assert str(caught.value).startswith(f"block 4 (0x{bad.hash.hex()}): gas_used is 1, execution")
    assert engine.heads.unsafe.hash == chain.block_by_number(3).hash


def test_invalid_transaction_names_its_block_too(chain, tmp_path):
    block = chain.block_by_number(3)
    bad = Block(block.header, block.transactions[:1] * 2, block.withdrawals)
    path = tmp_path / "bad.rlp"
    path.write_bytes(encoded(chain, 1, 2) + bad.encode())
    with pytest.raises(ImportFailed, match=r"^block 3 \(0x.*transaction 1: nonce too low"):
        take(open_engine(), path)


def test_gap_and_another_chain_are_told_from_a_bad_block(chain, tmp_path):
    path = tmp_path / "gap.rlp"
    path.write_bytes(encoded(chain, 1, 2, 4))
    with pytest.raises(ImportFailed, match=r"block 4 .* ends with block 2 .* leaves blocks out"):
        take(open_engine(), path)


def test_malformed_block_is_named_by_its_place(chain, tmp_path):
    path = tmp_path / "bad.rlp"
    path.write_bytes(encoded(chain, 1) + rlp.encode([b"no header"]))
    with pytest.raises(ImportFailed, match=r"a block after block 1 \(byte \d+\) is malformed"):
        take(open_engine(), path)


def test_progress_tells_rates_and_what_is_left():
    progress = Progress(blocks=500, gas=10**9, number=600, done=25, whole=100)
    assert progress.rates(50) == "10.0 blocks/s, 20.0 Mgas/s, 0:02:30 left"
    assert Progress().rates(0) == "0.0 blocks/s, 0.0 Mgas/s"


# -- the commands


def command(*words) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.output


@pytest.fixture
def genesis_file(tmp_path):
    path = tmp_path / "genesis.json"
    path.write_text(json.dumps(spec().to_json()))
    return path


def test_commands_import_and_export_a_chain(chain, file, genesis_file, tmp_path):
    home = tmp_path / "home"
    code, output = command("import", file, "--datadir", home, "--genesis", genesis_file,
                           "--state", "pruned", "--retained-blocks", "2")  # fmt: skip
    assert code == 0, output
    assert f"head: block {BLOCKS} 0x{chain.heads.unsafe.hash.hex()}" in output
    out = tmp_path / "again.rlp"
    code, output = command("export", out, "--first", 2, "--last", 4, "--datadir", home,
                           "--genesis", genesis_file)  # fmt: skip
    assert code == 0, output
    assert out.read_bytes() == encoded(chain, 2, 3, 4)
    code, output = command("db", "stats", "--datadir", home)
    assert code == 0, output
    assert "pruned" in output
    assert "states from 4" in output
    code, output = command("db", "compact", "--datadir", home)
    assert code == 0, output
    assert " MB -> " in output


def test_store_keeps_the_mode_it_was_begun_with(file, genesis_file, tmp_path):
    home = tmp_path / "home"
    named = ("--datadir", home, "--genesis", genesis_file)
    assert command("import", file, *named, "--state", "pruned")[0] == 0
    result = CliRunner().invoke(app, ["import", str(file), *map(str, named), "--state", "archive"])
    assert "was begun as pruned" in str(result.exception)
    assert command("import", file, *named)[0] == 0


def test_import_from_a_directory_that_init_began(file, genesis_file, tmp_path):
    home = tmp_path / "home"
    assert command("init", "--genesis", genesis_file, "--datadir", home)[0] == 0
    assert command("import", file, "--datadir", home)[0] == 0
    with DataDirectory(home) as directory:
        store = ChainStore(LevelStore(directory.chain()))
        assert store.heads().unsafe.number == BLOCKS
        store.close()


def test_directory_without_a_chain_is_refused(tmp_path):
    result = CliRunner().invoke(app, ["db", "stats", "--datadir", str(tmp_path)])
    assert "no chain is stored here" in str(result.exception)
    result = CliRunner().invoke(app, ["export", "x.rlp", "--datadir", str(tmp_path)])
    assert "genesis.json: no such file" in str(result.exception)
