# pragma version 0.4.3
# pragma evm-version cancun
"""
@title HashStep
@notice Steps of phase `hash`: one block of a Keccak-256 that is too long for one step.
@dev The twin of evm/step/hashing.py.
"""

import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.Sponge as Sponge
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.WordTree as WordTree

MAX_WITNESS: constant(uint256) = 8192
SPONGE_ITEM: constant(uint256) = Sponge.SPONGE + 3


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    assert machine.phase == State.HASH, "HashStep: not a state of phase hash"
    work: Pending.Hashing = Pending.openHashing(cursor, machine.pending)
    cursor += Pending.HASHING_ITEM
    node: Bytes[SPONGE_ITEM] = slice(msg.data, cursor, SPONGE_ITEM)
    sponge: Bytes[Sponge.SPONGE] = slice(node, 3, Sponge.SPONGE)
    Tape.expect(keccak256(sponge) == work.sponge and Tape.size(cursor) == Sponge.SPONGE)
    cursor += SPONGE_ITEM
    size: uint256 = min(work.left, Sponge.BLOCK)
    part: Bytes[Sponge.BLOCK] = b""
    if size > 0:
        depth: uint256 = Tape.depth((work.sourceLength + 31) >> 5)
        read: WordTree.Window = WordTree.piece(cursor, work.source, depth, work.offset, size)
        cursor = read.cursor
        part = convert(read.data, Bytes[Sponge.BLOCK])
    if size == Sponge.BLOCK:
        work.sponge = keccak256(Sponge.absorb(sponge, part))
        work.offset += size
        work.left -= size
        machine.pending = Pending.nameHashing(work)
    else:
        frame: State.Frame = State.openFrame(cursor, machine.frame)
        cursor += State.FRAME_ITEM
        frame.stack = keccak256(concat(frame.stack, Sponge.finish(sponge, part)))
        frame.size += 1
        machine.frame = State.nameFrame(frame)
        machine.phase = State.RUN
        machine.pending = empty(bytes32)
    Tape.finish(cursor)
    return State.commitment(machine)
