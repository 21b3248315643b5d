# pragma version 0.4.3
# pragma evm-version cancun
"""
@title BlockBeginStep
@notice Steps of phase `block begin`: what the block follows and what it is made from; or, of a
        block that is begun again, how many deposits its inputs begin with.
@dev The twin of evm/step/block_begin.py for L2 blocks. Another part of the dispute has seen to the
     inputs, which are taken as they are.
"""

import rollup.settlement.contracts.step.modules.Ancestors as Ancestors
import rollup.settlement.contracts.step.modules.Blocks as Blocks
import rollup.settlement.contracts.step.modules.Context as Context
import rollup.settlement.contracts.step.modules.HeaderRules as HeaderRules
import rollup.settlement.contracts.step.modules.Headers as Headers
import rollup.settlement.contracts.step.modules.Ledger as Ledger
import rollup.settlement.contracts.step.modules.Preimages as Preimages
import rollup.settlement.contracts.step.modules.Refusals as Refusals
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.WordTree as WordTree

MAX_WITNESS: constant(uint256) = 8192
MAX_COUNT: constant(uint256) = 65536
OUTPUT_BYTES: constant(uint256) = 128
OUTPUT_ITEM: constant(uint256) = 131
# First byte of a deposit.
DEPOSIT: constant(uint256) = 126
NO_BYTES: constant(bytes32) = keccak256(b"")
# 0xfffffffffffffffffffffffffffffffffffffffe
SYSTEM_ADDRESS: constant(uint256) = 2**160 - 2

# Which forks the verifier is made for: bit n is the fork of number n.
forks: immutable(uint256)


@deploy
def __init__(forkNumbers: uint256):
    forks = forkNumbers


@internal
@pure
def _go(
    given: State.Machine, surrounding: Context.Block, attributes: Blocks.Attributes
) -> State.Machine:
    """
    @notice From nothing that the block has done, to its system calls.
    """
    progress: Ledger.Progress = empty(Ledger.Progress)
    progress.left = attributes.transactions
    progress.depositRequests = NO_BYTES
    progress.requests = NO_BYTES
    current: Context.Transaction = empty(Context.Transaction)
    current.origin = SYSTEM_ADDRESS
    current.rest = Ledger.nameProgress(progress)
    machine: State.Machine = given
    machine.context = keccak256(
        concat(Context.nameBlock(surrounding), Context.nameTransaction(current))
    )
    machine.effects = State.nameEffects(empty(State.Effects))
    machine.phase = State.SYSTEM_CALL
    machine.pending = empty(bytes32)
    return machine


@internal
@view
def _decidable(rules: Blocks.ChainRules):
    # A step is decided by the rules that the verifier was made for, or not at all.
    assert rules.has & Blocks.OPTIMISM != 0, "BlockBeginStep: not a block of an L2"
    assert (forks >> rules.fork) & 1 == 1, "BlockBeginStep: the verifier is another fork's"


@internal
@view
def _made(
    given: State.Machine,
    claim: Blocks.Claim,
    parent: Headers.Header,
    parentHash: bytes32,
    stateRoot: bytes32,
    start: uint256,
) -> (State.Machine, uint256):
    """
    @notice The block behind its parent, by the attributes that the inputs tree has for it.
    """
    index: uint256 = claim.number % (1 << Blocks.INPUTS_DEPTH)
    leaf: bytes32 = Tape.descend(start, claim.inputs, Blocks.INPUTS_DEPTH, index)
    cursor: uint256 = start + Blocks.INPUTS_DEPTH * Tape.PAIR
    attributes: Blocks.Attributes = Blocks.openAttributes(cursor, leaf)
    cursor += Blocks.ATTRIBUTES_ITEM
    rules: Blocks.ChainRules = Blocks.openChainRules(cursor, attributes.rules)
    cursor += Blocks.CHAIN_RULES_ITEM
    self._decidable(rules)
    isInOrder: bool = (
        parent.number + 1 == claim.number
        and attributes.timestamp > parent.timestamp
        and attributes.transactionCount <= MAX_COUNT
    )
    baseFee: uint256 = 0
    if isInOrder:
        baseFee, isInOrder = HeaderRules.nextBaseFee(rules, parent)
    if not isInOrder:
        machine: State.Machine = empty(State.Machine)
        machine, cursor = Refusals.refuse(given, cursor)
        return machine, cursor
    # Without blobs the exponential ends with its first term; with no fraction there is none.
    assert rules.blobUpdateFraction > 0, "BlockBeginStep: rules without a blob base fee"
    rest: Blocks.BlockRest = Blocks.BlockRest(
        claim=given.pending,
        attributes=leaf,
        rules=attributes.rules,
        parentHash=parentHash,
        excessBlobGas=0,
        transactionCount=attributes.transactionCount,
        depositsOnly=0,
    )
    surrounding: Context.Block = Context.Block(
        number=claim.number,
        timestamp=attributes.timestamp,
        coinbase=attributes.feeRecipient,
        prevRandao=attributes.prevRandao,
        gasLimit=attributes.gasLimit,
        baseFee=baseFee,
        blobBaseFee=1,
        chainId=rules.chainId,
        fork=rules.fork,
        stateRoot=stateRoot,
        ancestors=Ancestors.only(parentHash, parent.number),
        rest=Blocks.nameBlockRest(rest),
    )
    return self._go(given, surrounding, attributes), cursor


@internal
@view
def _begin(given: State.Machine, start: uint256) -> (State.Machine, uint256):
    """
    @notice Open the claim, the output that both sides agree on, and the header that it names.
    """
    claim: Blocks.Claim = Blocks.openClaim(start, given.pending)
    cursor: uint256 = start + Blocks.CLAIM_ITEM
    output: Bytes[OUTPUT_ITEM] = slice(msg.data, cursor, OUTPUT_ITEM)
    Tape.expect(
        keccak256(slice(output, 3, OUTPUT_BYTES)) == claim.agreed
        and convert(slice(output, 0, 3), uint256) == OUTPUT_BYTES
    )
    cursor += OUTPUT_ITEM
    assert extract32(output, 3) == empty(bytes32), "BlockBeginStep: not an output of version 0"
    parentHash: bytes32 = extract32(output, 99)
    encoded: Bytes[Preimages.MAX_HEADER] = Preimages.header(cursor, parentHash)
    cursor += Tape.HEAD + len(encoded)
    parent: Headers.Header = Headers.decode(encoded)
    machine: State.Machine = empty(State.Machine)
    if parent.number == claim.number:
        # A game names no block behind the claimed one: its trace may have nothing to do.
        isRight: bool = claim.agreed == claim.disputed
        machine = Refusals.finish(State.VALID if isRight else State.INVALID, claim.agreed)
        return machine, cursor
    machine, cursor = self._made(
        given, claim, parent, parentHash, extract32(output, 35), cursor
    )
    return machine, cursor


@internal
@view
def _isDeposit(start: uint256, wanted: bytes32) -> (bool, uint256):
    """
    @notice Whether a transaction's first byte is a deposit's; of an empty one nothing is opened.
    """
    data: Blocks.Data = Blocks.openData(start, wanted)
    cursor: uint256 = start + Blocks.DATA_ITEM
    if data.length == 0:
        return False, cursor
    depth: uint256 = Tape.depth((data.length + 31) >> 5)
    window: WordTree.Window = WordTree.window(cursor, data.root, depth, 0)
    return convert(slice(window.data, 0, 1), uint256) == DEPOSIT, window.cursor


@internal
@view
def _beginAgain(given: State.Machine, start: uint256) -> (State.Machine, uint256):
    """
    @notice One transaction a step: is it a deposit too? Behind the last, begin with the deposits.
    """
    cursor: uint256 = start
    surrounding: Context.Block = Context.openBlock(
        cursor + Tape.PAIR, Tape.pair(cursor, given.context)[0]
    )
    cursor += Tape.PAIR + Context.BLOCK_ITEM
    rest: Blocks.BlockRest = Blocks.openBlockRest(cursor, surrounding.rest)
    cursor += Blocks.BLOCK_REST_ITEM
    attributes: Blocks.Attributes = Blocks.openAttributes(cursor, rest.attributes)
    cursor += Blocks.ATTRIBUTES_ITEM
    recount: Blocks.Recount = Blocks.Recount(left=attributes.transactions, count=0)
    if given.pending != empty(bytes32):
        recount = Blocks.openRecount(cursor, given.pending)
        cursor += Blocks.RECOUNT_ITEM
    if recount.count < attributes.transactionCount:
        previous: bytes32 = empty(bytes32)
        item: bytes32 = empty(bytes32)
        previous, item = Tape.pair(cursor, recount.left)
        isDeposit: bool = False
        isDeposit, cursor = self._isDeposit(cursor + Tape.PAIR, item)
        if isDeposit:
            machine: State.Machine = given
            machine.pending = Blocks.nameRecount(
                Blocks.Recount(left=previous, count=recount.count + 1)
            )
            return machine, cursor
    rest.depositsOnly = 1
    rest.transactionCount = recount.count
    surrounding.rest = Blocks.nameBlockRest(rest)
    return self._go(given, surrounding, attributes), cursor


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    assert machine.phase == State.BLOCK_BEGIN, "BlockBeginStep: not a state of phase block begin"
    if machine.context == empty(bytes32):
        machine, cursor = self._begin(machine, cursor)
    else:
        machine, cursor = self._beginAgain(machine, cursor)
    Tape.finish(cursor)
    return State.commitment(machine)
