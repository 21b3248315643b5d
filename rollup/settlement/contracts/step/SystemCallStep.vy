# pragma version 0.4.3
# pragma evm-version cancun
"""
@title SystemCallStep
@notice Steps of phase `system call`: the next call of those that a block makes by itself, then its
        transactions, then its end.
@dev The twin of `step_system_call` in evm/step/block_begin.py for L2 blocks, which call nothing
     behind their transactions. EIP-2935, 4788.
"""

import rollup.settlement.contracts.step.modules.Accounts as Accounts
import rollup.settlement.contracts.step.modules.Blocks as Blocks
import rollup.settlement.contracts.step.modules.Context as Context
import rollup.settlement.contracts.step.modules.Frames as Frames
import rollup.settlement.contracts.step.modules.Ledger as Ledger
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape

MAX_WITNESS: constant(uint256) = 49152
GAS: constant(uint256) = 30000000
SYSTEM_ADDRESS: constant(uint256) = 2**160 - 2
# 0x000f3df6d732807ef1319fb7b8bb8522d0beac02
BEACON_ROOTS: constant(uint256) = 339909022928299415537769066420252604268194818
# 0x0000f90827f1c53a10cb7a02335b175320002935
HISTORY_STORAGE: constant(uint256) = 21693734551179282564423033930679318143314229


struct Surroundings:
    block: bytes32
    rest: Blocks.BlockRest
    current: Context.Transaction
    progress: Ledger.Progress
    rules: Blocks.ChainRules
    cursor: uint256


# What a call leaves: the effects, or what they lack.
struct Called:
    machine: State.Machine
    effects: State.Effects
    isMissing: bool
    cursor: uint256


@internal
@view
def _surroundings(context: bytes32, start: uint256) -> Surroundings:
    found: Surroundings = empty(Surroundings)
    transactionName: bytes32 = empty(bytes32)
    found.cursor = start
    found.block, transactionName = Tape.pair(found.cursor, context)
    found.cursor += Tape.PAIR
    surrounding: Context.Block = Context.openBlock(found.cursor, found.block)
    found.cursor += Context.BLOCK_ITEM
    found.rest = Blocks.openBlockRest(found.cursor, surrounding.rest)
    found.cursor += Blocks.BLOCK_REST_ITEM
    found.current = Context.openTransaction(found.cursor, transactionName)
    found.cursor += Context.TRANSACTION_ITEM
    found.progress = Ledger.openProgress(found.cursor, found.current.rest)
    found.cursor += Ledger.PROGRESS_ITEM
    found.rules = Blocks.openChainRules(found.cursor, found.rest.rules)
    found.cursor += Blocks.CHAIN_RULES_ITEM
    return found


@internal
@pure
def _missing(
    given: State.Machine, kind: uint256, contract: uint256, key: uint256, cursor: uint256
) -> Called:
    return Called(
        machine=Frames.load(given, kind, contract, key),
        effects=empty(State.Effects),
        isMissing=True,
        cursor=cursor,
    )


@internal
@view
def _call(
    given: State.Machine, contract: uint256, data: bytes32, start: uint256
) -> Called:
    """
    @notice Enter a contract with one word of call data, as a transaction of its own; pass over one
            that is not there.
    """
    called: Called = Called(
        machine=given,
        effects=State.openEffects(start, given.effects),
        isMissing=False,
        cursor=start + State.EFFECTS_ITEM,
    )
    met: Accounts.Met = Accounts.look(called.cursor, called.effects.world, contract)
    if met.isMissing:
        return self._missing(given, Pending.LOAD_ACCOUNT, contract, 0, met.cursor)
    code: Accounts.Program = Accounts.program(
        met.cursor, called.effects.world, met.account.codeHash
    )
    if code.isMissing:
        key: uint256 = convert(met.account.codeHash, uint256)
        return self._missing(given, Pending.LOAD_CODE, contract, key, code.cursor)
    called.cursor = code.cursor
    called.machine.pending = empty(bytes32)
    if code.length == 0:
        return called
    # Nothing is warm, logged, destroyed or to be refunded.
    called.effects.destroyed = empty(bytes32)
    called.effects.logs = empty(bytes32)
    called.effects.refund = 0
    called.effects.transaction += 1
    called.machine.effects = State.nameEffects(called.effects)
    called.machine.phase = State.ENTER
    called.machine.pending = Pending.nameMessage(
        Pending.Message(
            gas=GAS,
            flags=State.SYSTEM,
            depth=0,
            target=contract,
            caller=SYSTEM_ADDRESS,
            amount=0,
            codeAddress=contract,
            calldata=data,
            calldataLength=32,
            outputOffset=0,
            outputSize=0,
            salt=0,
        )
    )
    return called


@internal
@view
def _next(given: State.Machine, found: Surroundings) -> Called:
    """
    @notice The beacon root's contract, from Isthmus on that of the parent hashes, the
            transactions; the end.
    """
    at: uint256 = found.progress.systemCalls
    transactions: uint256 = 2 if found.rules.has & Blocks.PARENT_HASHES != 0 else 1
    if at == 0:
        attributes: Blocks.Attributes = Blocks.openAttributes(
            found.cursor, found.rest.attributes
        )
        start: uint256 = found.cursor + Blocks.ATTRIBUTES_ITEM
        return self._call(given, BEACON_ROOTS, attributes.beaconRoot, start)
    if at < transactions:
        return self._call(given, HISTORY_STORAGE, found.rest.parentHash, found.cursor)
    assert at <= transactions + 1, "SystemCallStep: no call is left"
    called: Called = Called(
        machine=given,
        effects=State.openEffects(found.cursor, given.effects),
        isMissing=False,
        cursor=found.cursor + State.EFFECTS_ITEM,
    )
    called.machine.phase = State.TRANSACTION_BEGIN if at == transactions else State.BLOCK_END
    called.machine.pending = empty(bytes32)
    return called


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    given: State.Machine = State.read()
    assert given.phase == State.SYSTEM_CALL, "SystemCallStep: not a state of phase system call"
    found: Surroundings = self._surroundings(given.context, cursor)
    assert found.rules.has & Blocks.OPTIMISM != 0, "SystemCallStep: not a block of an L2"
    called: Called = self._next(given, found)
    Tape.finish(called.cursor)
    if not called.isMissing:
        if called.machine.phase == State.ENTER or called.machine.phase == State.SYSTEM_CALL:
            found.progress.systemCalls += 1
        found.current.rest = Ledger.nameProgress(found.progress)
        found.current.number = called.effects.transaction
        called.machine.context = keccak256(
            concat(found.block, Context.nameTransaction(found.current))
        )
    return State.commitment(called.machine)
