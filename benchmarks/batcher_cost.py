"""`make bench-batcher`: what a transaction of the L2 costs on L1, by how it is written there.

Two loads. "mixed": seeded transactions of a made-up chain, six blocks of ten for each L1 block and
twenty L1 blocks in a channel. "OP Mainnet": a channel of the real chain (143 blocks, 1,766
transactions), where the outside vectors are at hand. Each is written as singular batches and as one
span batch, compressed by zlib and by Brotli, cut for calldata and for blobs.

Calldata is priced by EIP-7623 (its floor, which data always reaches), blobs by the blob (EIP-4844);
21,000 gas of each L1 transaction are shared out too. Gas and blob gas have prices of their own, so
both columns stand.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from chain.transaction import DynamicFeeTransaction, sign_transaction  # noqa: E402
from rollup.batcher.payload import MAX_BLOBS_PER_PAYLOAD, MAX_CALLDATA_BYTES  # noqa: E402
from rollup.wire.batch import SingularBatch  # noqa: E402
from rollup.wire.blob import BLOB_CAPACITY_BYTES  # noqa: E402
from rollup.wire.channel import ChannelOut, read_channel, split_channel  # noqa: E402
from rollup.wire.compression import Compression  # noqa: E402
from rollup.wire.frame import FRAME_OVERHEAD_BYTES, Frame, encode_frames  # noqa: E402
from rollup.wire.span_batch import SpanBatch, SpanContext, span_batch  # noqa: E402

CHANNEL_ID = bytes(range(16))
TRANSACTION_GAS = 21_000
FLOOR_GAS_PER_TOKEN = 10
TOKENS_PER_NONZERO_BYTE = 4
GAS_PER_BLOB = 131_072
KINDS = ("singular", "span")
COMPRESSIONS: tuple[Compression, ...] = ("zlib", "brotli")


def mixed_load() -> tuple[list[SingularBatch], SpanContext]:
    """Transfers of ether and of a token, and calls with random words."""
    source = random.Random(1)
    keys = [source.randbytes(32) for _ in range(40)]
    tokens = [source.randbytes(20) for _ in range(4)]
    nonces = dict.fromkeys(range(len(keys)), 0)
    context = SpanContext(genesis_time_s=1_000, block_time_s=2, chain_id=901)
    batches = []
    for number in range(120):
        raws = []
        for _ in range(10):
            who = source.randrange(len(keys))
            kind = source.randrange(3)
            data = b""
            if kind == 1:
                data = b"\xa9\x05\x9c\xbb" + bytes(12) + source.randbytes(20) + bytes(24)
                data += source.randbytes(8)
            elif kind == 2:
                data = source.randbytes(4) + b"".join(
                    bytes(30) + source.randbytes(2) for _ in range(source.randrange(1, 9))
                )
            tx = DynamicFeeTransaction(
                chain_id=901, nonce=nonces[who], max_priority_fee_per_gas=10**6,
                max_fee_per_gas=source.randrange(10**7, 10**8),
                gas_limit=source.choice((21_000, 60_000, 250_000)),
                to=source.choice(tokens) if kind else source.randbytes(20),
                value=0 if kind else source.randrange(10**18), data=data,
            )  # fmt: skip
            nonces[who] += 1
            raws.append(sign_transaction(tx, keys[who]).encode())
        epoch = 100 + number // 6
        batches.append(
            SingularBatch(
                source.randbytes(32), epoch, epoch.to_bytes(32, "big"), 1_002 + 2 * number,
                tuple(raws),
            )
        )  # fmt: skip
    return batches, context


def mainnet_load() -> tuple[list[SingularBatch], SpanContext] | None:
    """The blocks of a real channel; hashes that a span does not carry are drawn at random."""
    root = Path(os.environ.get("STEMMA_VECTORS", ROOT.parent / "shared" / "vectors"))
    path = root / "op_stack" / "channels" / "channel_zlib_batch.hex"
    if not path.is_file():
        return None
    (batch,) = read_channel(bytes.fromhex(path.read_text().strip().removeprefix("0x")))
    assert isinstance(batch, SpanBatch)
    context = SpanContext(genesis_time_s=0, block_time_s=2, chain_id=10)
    source = random.Random(2)
    hashes: dict[int, bytes] = {}
    batches = [
        SingularBatch(
            source.randbytes(32),
            block.epoch_number,
            hashes.setdefault(block.epoch_number, source.randbytes(32)),
            block.timestamp,
            block.transactions,
        )
        for block in batch.blocks(context)
    ]
    return batches, context


def channel_of(
    batches: list[SingularBatch], context: SpanContext, kind: str, compression: Compression
) -> bytes:
    channel = ChannelOut(CHANNEL_ID, compression)
    if kind == "span":
        channel.add(span_batch(batches, context, first_changes_origin=True))
    else:
        for batch in batches:
            channel.add(batch)
    return channel.close()


def calldata_gas(frames: tuple[Frame, ...]) -> int:
    """Gas of one L1 transaction for each frame."""
    gas = 0
    for frame in frames:
        data = encode_frames([frame])
        tokens = data.count(0) + TOKENS_PER_NONZERO_BYTE * (len(data) - data.count(0))
        gas += TRANSACTION_GAS + FLOOR_GAS_PER_TOKEN * tokens
    return gas


def rows(name: str, batches: list[SingularBatch], context: SpanContext) -> list[str]:
    count = sum(len(batch.transactions) for batch in batches)
    raw_bytes = sum(len(raw) for batch in batches for raw in batch.transactions)
    found = []
    for kind in KINDS:
        for compression in COMPRESSIONS:
            channel = channel_of(batches, context, kind, compression)
            frames = split_channel(
                CHANNEL_ID, channel, MAX_CALLDATA_BYTES - FRAME_OVERHEAD_BYTES - 1
            )
            blobs = split_channel(
                CHANNEL_ID, channel, BLOB_CAPACITY_BYTES - FRAME_OVERHEAD_BYTES - 1
            )
            transactions = -(-len(blobs) // MAX_BLOBS_PER_PAYLOAD)
            # A channel seldom ends where a blob does: priced by the bytes it fills.
            filled = (len(channel) + len(blobs) * (FRAME_OVERHEAD_BYTES + 1)) / BLOB_CAPACITY_BYTES
            found.append(
                f"| {name} | {kind} | {compression} | {len(channel) / count:.1f} | "
                f"{len(channel) / raw_bytes:.2f} | {calldata_gas(frames) / count:,.0f} | "
                f"{filled * GAS_PER_BLOB / count:,.0f} + "
                f"{transactions * TRANSACTION_GAS / count:,.0f} | "
                f"{len(blobs) * GAS_PER_BLOB / count:,.0f} |"
            )
    return found


def main() -> None:
    table = [
        "| load | batches | compression | bytes a transaction | of raw bytes | calldata: gas | "
        "blobs: blob gas + gas | whole blobs: blob gas |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    table += rows("mixed", *mixed_load())
    real = mainnet_load()
    if real is None:
        print("no outside vectors: without the OP Mainnet rows", file=sys.stderr)
    else:
        table += rows("OP Mainnet", *real)
    print("\n".join(table))


if __name__ == "__main__":
    main()
