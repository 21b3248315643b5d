# pragma version 0.4.3
# pragma evm-version cancun
"""
@title StepVerifier
@notice Decides one step of a disputed block: `step(bytes stateData, bytes proof, bytes32
        localContext) -> bytes32`, as the OP Stack's IBigStepper. It looks which kind of step this
        is and asks that kind's contract.
@dev docs/protocol/one-step.md. The answer is in `__default__`, since a typed argument of the size
     of the longest witness would cost memory at every step; IStepVerifier.vyi is the interface.
     The opcode is read where it stands if the witness is right. Nothing is checked here: the kind
     opens everything by its hash and refuses opcodes that are not its own.
"""

import rollup.settlement.contracts.step.modules.Code as Code
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape

KINDS: constant(uint256) = 16
# Kind of each opcode, four bits, 64 opcodes a word; 0: no contract decides it.
OPCODES_00: constant(bytes32) = 0x4314423132222242111111111111111311111111111111111111111111111111
OPCODES_40: constant(bytes32) = 0x1111111111111111111111111111111113441111114433311111122242222222
OPCODES_80: constant(bytes32) = 0x1111111111111111111111111113333311111111111111111111111111111111
OPCODES_C0: constant(bytes32) = 0x5131151111553555111111111111111111111111111111111111111111111111
PHASES: constant(bytes32) = 0x000000000000000000000000000000000000000000000000000087b6a9000000

# The kind of the steps that open a whole code.
CODE_STEP: constant(uint256) = 12

kinds: immutable(address[KINDS])


@deploy
def __init__(contracts: address[KINDS]):
    kinds = contracts


@internal
@view
def _opcode() -> uint256:
    # Frame first, then the way to the opcode's chunk, then the chunk.
    frame: uint256 = Tape.PROOF + 3
    pc: uint256 = Tape.word(frame) >> 224
    length: uint256 = Tape.word(frame + 114) >> 224
    if pc >= length:
        return 0
    levels: uint256 = Tape.depth((length + 31) // 32)
    chunk: uint256 = Tape.PROOF + State.FRAME_ITEM + levels * Tape.PAIR + 4
    return convert(slice(msg.data, chunk + (pc & 31), 1), uint256)


@internal
@view
def _opensCode(phase: uint256) -> bool:
    # Creations, deposits and loads of code are one kind, whatever their phase.
    first: uint256 = Tape.PROOF + Tape.HEAD
    if phase == State.ENTER:
        return (Tape.word(first) >> 184) & State.CREATION != 0  # flags behind the gas
    if phase == State.LOAD:
        return Tape.word(first) >> 248 == Pending.LOAD_CODE
    if phase == State.LEAVE:
        flags: uint256 = Tape.word(first + Pending.OUTCOME_ITEM) >> 232
        return (
            Tape.word(first) >> 248 == Pending.SUCCEEDED
            and Tape.word(first + 41) >> 224 > 0  # length of the output
            and flags & State.CREATION != 0
        )
    return False


@internal
@pure
def _kinds(quarter: uint256) -> bytes32:
    if quarter == 0:
        return OPCODES_00
    if quarter == 1:
        return OPCODES_40
    return OPCODES_80 if quarter == 2 else OPCODES_C0


@internal
@pure
def _kind(phase: uint256, opcode: uint256) -> uint256:
    if phase == State.RUN:
        return (convert(self._kinds(opcode >> 6), uint256) >> (4 * (opcode & 63))) & 15
    return (convert(PHASES, uint256) >> (4 * phase)) & 15 if phase < 64 else 0


@internal
@pure
def _isLast(phase: uint256) -> bool:
    # A step from the last state stays there.
    return phase == State.VALID or phase == State.INVALID


@external
@view
def kindOf(phase: uint8, opcode: uint8) -> address:
    """
    @notice The contract that decides steps of a phase and, in phase run, of an opcode; of no
            contract: zero. Steps that open a whole code are CodeStep's in three phases.
    """
    if self._isLast(convert(phase, uint256)):
        return self
    return kinds[self._kind(convert(phase, uint256), convert(opcode, uint256))]


@external
@view
@raw_return
def __default__() -> Bytes[32]:
    assert slice(msg.data, 0, 4) == method_id("step(bytes,bytes,bytes32)")
    assert Tape.begin() == Tape.PROOF
    phase: uint256 = convert(slice(msg.data, Tape.STATE, 1), uint256)
    if self._isLast(phase):
        Tape.finish(Tape.PROOF)
        return slice(State.commitment(State.read()), 0, 32)
    opcode: uint256 = self._opcode() if phase == State.RUN else 0
    index: uint256 = self._kind(phase, opcode)
    if phase != State.RUN and self._opensCode(phase):
        index = CODE_STEP
    kind: address = kinds[index]
    if kind == empty(address):
        raw_revert(
            abi_encode(
                convert(phase, uint8),
                convert(opcode, uint8),
                method_id=method_id("UnsupportedStep(uint8,uint8)"),
            )
        )
    return raw_call(kind, msg.data, max_outsize=32, is_static_call=True)
