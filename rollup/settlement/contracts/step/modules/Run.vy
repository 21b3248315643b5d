# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Run
@notice What every step of phase `run` has in common: its opcode found, its operands taken, its gas
        paid, its result pushed; or the frame failed.
@dev docs/protocol/one-step.md, "Phases". Openings in order: frame, way to the opcode's chunk, and
     what the opcode needs, operands first.
"""

import rollup.settlement.contracts.step.modules.Code as Code
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape

STACK_LIMIT: constant(uint256) = 1024


struct Start:
    opcode: uint256
    # The chunk in which the opcode stands, after it.
    part: Code.Chunk


@internal
@view
def begin(machine: State.Machine) -> State.Frame:
    """
    @notice Open the innermost frame, which is the first of the witness.
    """
    assert Tape.begin() == Tape.PROOF
    assert machine.phase == State.RUN, "Run: not a state of phase run"
    return State.openFrame(Tape.PROOF, machine.frame)


@internal
@view
def fetch(pc: uint256, root: bytes32, length: uint256) -> Start:
    """
    @notice The opcode at pc: STOP behind the end of the code, where nothing is opened.
    """
    cursor: uint256 = Tape.PROOF + State.FRAME_ITEM
    if pc >= length:
        return Start(opcode=0, part=Code.Chunk(data=0, skip=0, cursor=cursor))
    part: Code.Chunk = Code.chunk(cursor, root, length, pc >> 5)
    return Start(opcode=Code.byteAt(part.data, pc & 31), part=part)


@internal
@pure
def push(rest: bytes32, item: uint256) -> bytes32:
    return keccak256(concat(rest, convert(item, bytes32)))
