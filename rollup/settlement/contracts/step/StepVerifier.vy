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

import rollup.settlement.contracts.step.modules.Context as Context
import rollup.settlement.contracts.step.modules.Ledger as Ledger
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.Rules as Rules
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape

KINDS: constant(uint256) = 32
# Kind of each opcode, four bits, 64 opcodes a word; 0: no contract decides it.
OPCODES_00: constant(bytes32) = 0x4314423132222242111111111111111311111111111111111111111111111111
OPCODES_40: constant(bytes32) = 0x1111111111111111111111111111111113441111114433311111122242222222
OPCODES_80: constant(bytes32) = 0x1111111111111111111111111113333311111111111111111111111111111111
OPCODES_C0: constant(bytes32) = 0x5131151111553555111111111111111111111111111111111111111111111111
# Kind of each phase, of each stage of a transaction and of each stage of a block's end: eight bits.
PHASES: constant(bytes32) = 0x000000000000000000000000000000000000000008070b060a09000000000e0d
STAGES: constant(bytes32) = 0x000000000000000000000000000000000017171616151414131211101000100f
SEALING: constant(bytes32) = 0x0000000000000000000000000000000000000000000000000000001a1a191918

# The kind of the steps that open a whole code.
CODE_STEP: constant(uint256) = 12
# The kind of the first native precompile; the others follow.
NATIVE_STEP: constant(uint256) = 27

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
def _at(table: bytes32, index: uint256) -> uint256:
    return (convert(table, uint256) >> (8 * index)) & 255 if index < 32 else 0


@internal
@view
def _stage() -> uint256:
    # Of a block's end, and of a transaction that is taken up or, once `pending` names a job, begun.
    phase: uint256 = convert(slice(msg.data, Tape.STATE, 1), uint256)
    if phase == State.TRANSACTION_END:
        # Context, transaction, progress, then the job.
        stage: uint256 = (
            Tape.PROOF + Tape.PAIR + Context.TRANSACTION_ITEM + Ledger.PROGRESS_ITEM + Tape.HEAD
        )
        return Tape.word(stage) >> 248
    if Tape.name(Tape.STATE + 1) == empty(bytes32):
        return 0
    return Tape.word(Tape.PROOF + Tape.HEAD) >> 248


@internal
@view
def _native() -> uint256:
    # Frame, then call, in which the code's address is 75 bytes behind the beginning.
    codeAddress: uint256 = Tape.word(Tape.PROOF + State.FRAME_ITEM + Tape.HEAD + 75) >> 96
    if codeAddress < Rules.FIRST_NATIVE or codeAddress >= Rules.FIRST_NATIVE + Rules.NATIVES:
        return 0
    return NATIVE_STEP + codeAddress - Rules.FIRST_NATIVE


@internal
@pure
def _kind(phase: uint256, opcode: uint256, stage: uint256) -> uint256:
    if phase == State.RUN:
        return (convert(self._kinds(opcode >> 6), uint256) >> (4 * (opcode & 63))) & 15
    if phase == State.TRANSACTION_BEGIN or phase == State.TRANSACTION_END:
        return self._at(STAGES, stage)
    return self._at(SEALING, stage) if phase == State.BLOCK_END else self._at(PHASES, phase)


@internal
@pure
def _isLast(phase: uint256) -> bool:
    # A step from the last state stays there.
    return phase == State.VALID or phase == State.INVALID


@external
@view
def kindOf(phase: uint8, detail: uint8) -> address:
    """
    @notice The contract that decides steps of a phase: in phase run of an opcode, in those of
            transactions and of the block's end of a stage, in phase precompile of the native one
            of that number (0: of any other); of no contract: zero. Steps that open a whole code
            are CodeStep's in three phases.
    """
    number: uint256 = convert(detail, uint256)
    if self._isLast(convert(phase, uint256)):
        return self
    if convert(phase, uint256) == State.PRECOMPILE and number > 0:
        return kinds[NATIVE_STEP + number - 1] if number <= Rules.NATIVES else empty(address)
    return kinds[self._kind(convert(phase, uint256), number, number)]


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
    stage: uint256 = 0
    if phase <= State.BLOCK_END:
        stage = self._stage()
    index: uint256 = self._kind(phase, opcode, stage)
    if phase == State.PRECOMPILE:
        native: uint256 = self._native()
        if native > 0:
            index = native
    elif phase != State.RUN and self._opensCode(phase):
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
