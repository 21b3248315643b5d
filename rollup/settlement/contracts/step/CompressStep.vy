# pragma version 0.4.3
# pragma evm-version cancun
"""
@title CompressStep
@notice Steps of phase `transaction begin` that compress the transaction with FastLZ, whose length its
        data fee depends on (Fjord): 1,024 bytes a step.
@dev The twin of `compress` in evm/step/transaction_lists.py. The table is one item; behind it come
     the bytes that FastLZ looks at, ten pieces of 1,024 at most.
"""

import rollup.settlement.contracts.step.modules.FastLz as FastLz
import rollup.settlement.contracts.step.modules.Jobs as Jobs
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.Windows as Windows

MAX_WITNESS: constant(uint256) = 131072
TABLE_ITEM: constant(uint256) = Tape.HEAD + FastLz.TABLE


@internal
@view
def _openTable(cursor: uint256, wanted: bytes32) -> uint256[FastLz.WORDS]:
    item: Bytes[TABLE_ITEM] = slice(msg.data, cursor, TABLE_ITEM)
    table: Bytes[FastLz.TABLE] = slice(item, Tape.HEAD, FastLz.TABLE)
    Tape.expect(Tape.size(cursor) == FastLz.TABLE and keccak256(table) == wanted)
    return abi_decode(table, uint256[FastLz.WORDS])


@internal
@view
def _compress(given: Jobs.Job, start: uint256) -> (Jobs.Job, uint256):
    job: Jobs.Job = given
    cursor: uint256 = start
    work: Jobs.Compression = empty(Jobs.Compression)
    if job.compression == empty(bytes32):
        work.position = FastLz.FIRST_PLACE
        work.table = FastLz.EMPTY_TABLE
    else:
        work = Jobs.openCompression(cursor, job.compression)
        cursor += Jobs.COMPRESSION_ITEM
    table: uint256[FastLz.WORDS] = self._openTable(cursor, work.table)
    read: Windows.Stretch = Windows.readLong(
        cursor + TABLE_ITEM, job.body, job.length, FastLz.begins(work), FastLz.ends(work)
    )
    data: Bytes[FastLz.PADDED] = concat(
        convert(read.data, Bytes[FastLz.MAX_DATA]), empty(bytes32)
    )
    work, table = FastLz.advance(work, table, job.length, data)
    if FastLz.isOver(work, job.length):
        job.stage = Jobs.PAY
        job.chargedSize = FastLz.finalSize(work, job.length)
        job.compression = empty(bytes32)
    else:
        work.table = keccak256(abi_encode(table))
        job.compression = Jobs.nameCompression(work)
    return job, read.cursor


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    assert (
        machine.phase == State.TRANSACTION_BEGIN
    ), "CompressStep: not a state of phase transaction begin"
    job: Jobs.Job = Jobs.openJob(cursor, machine.pending)
    assert job.stage == Jobs.COMPRESS, "CompressStep: not the stage that compresses"
    job, cursor = self._compress(job, cursor + Jobs.JOB_ITEM)
    machine.pending = Jobs.nameJob(job)
    Tape.finish(cursor)
    return State.commitment(machine)
