# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title WriteBackStep
@notice Steps of phase `block end` that write the world back: the first one, and then one key of the
        journal a step, newest first, into the trie of accounts or of an account's storage.
@dev The twin of `_write_back` in evm/step/block_end.py.
"""

import rollup.settlement.contracts.step.modules.Accounts as Accounts
import rollup.settlement.contracts.step.modules.Context as Context
import rollup.settlement.contracts.step.modules.Encoding as Encoding
import rollup.settlement.contracts.step.modules.Entries as Entries
import rollup.settlement.contracts.step.modules.Frames as Frames
import rollup.settlement.contracts.step.modules.Ledger as Ledger
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.Preimages as Preimages
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.TrieUpdate as TrieUpdate
import rollup.settlement.contracts.step.modules.WorldMap as WorldMap

# 66 nodes of 532 bytes, and 13,000 for two ways in the world map and the records.
MAX_WITNESS: constant(uint256) = 49152
EMPTY_ROOT: constant(bytes32) = keccak256(x"80")
NO_BYTES: constant(bytes32) = keccak256(b"")
# A key's preimage: its kind, an address; of a slot also the account's generation and the slot. What
# puts keys into the journal writes no others.
ACCOUNT_KEY: constant(uint256) = 1
KEY_BYTES: constant(uint256) = 57
# Where fields stand in a block, a transaction and its progress, behind the three bytes of length.
STATE_ROOT: constant(uint256) = 176
REST: constant(uint256) = 95
TRANSACTIONS: constant(uint256) = 160


# One key of a trie that is written, and what comes of the root.
struct Write:
    isSlot: bool
    # Nothing is written: the slot is of a life of the account that has ended.
    isOver: bool
    place: Accounts.Place
    root: bytes32
    path: bytes32
    encoded: Bytes[TrieUpdate.MAX_VALUE]
    cursor: uint256


@internal
@pure
def _account(given: Write, target: uint256) -> Write:
    """
    @notice What the trie of accounts gets: nothing where there is no account.
    """
    write: Write = given
    account: Entries.Account = given.place.account
    write.path = keccak256(slice(convert(target << 96, bytes32), 0, 20))
    if account.exists != 0:
        write.encoded = Encoding.account(
            account.nonce, account.balance, account.storageRoot, account.codeHash
        )
    return write


@internal
@view
def _slot(
    given: Write, key: Bytes[Preimages.MAX_SHORT], wanted: bytes32, world: bytes32
) -> Write:
    """
    @notice What the trie of the account's storage gets: nothing for a zero.
    """
    write: Write = given
    write.isSlot = True
    write.root = given.place.account.storageRoot
    write.isOver = (
        given.place.account.exists == 0
        or given.place.account.generation != convert(slice(key, 21, 4), uint256)
    )
    if write.isOver:
        return write
    way: WorldMap.Way = WorldMap.find(write.cursor, world, wanted)
    assert way.isFound, "WriteBackStep: a slot of the journal is not in the map"
    slot: Entries.Slot = Entries.openSlot(way.cursor, way.value)
    write.cursor = way.cursor + Entries.SLOT_ITEM
    write.path = keccak256(extract32(key, 25))
    if slot.now > 0:
        write.encoded = Encoding.integer(slot.now)
    return write


@internal
@view
def _transactions(start: uint256, context: bytes32) -> (bytes32, uint256):
    """
    @notice The chain of transactions, out of the context. Records of which one field is read are
            opened without the others.
    """
    wanted: bytes32 = Tape.pair(start, context)[1]
    cursor: uint256 = start + Tape.PAIR
    current: Bytes[Context.TRANSACTION_ITEM] = slice(msg.data, cursor, Context.TRANSACTION_ITEM)
    Tape.expect(
        keccak256(slice(current, 3, Context.TRANSACTION_SIZE)) == wanted
        and convert(slice(current, 0, 3), uint256) == Context.TRANSACTION_SIZE
    )
    cursor += Context.TRANSACTION_ITEM
    progress: Bytes[Ledger.PROGRESS_ITEM] = slice(msg.data, cursor, Ledger.PROGRESS_ITEM)
    Tape.expect(
        keccak256(slice(progress, 3, Ledger.PROGRESS_SIZE)) == extract32(current, REST)
        and convert(slice(progress, 0, 3), uint256) == Ledger.PROGRESS_SIZE
    )
    return extract32(progress, TRANSACTIONS), cursor + Ledger.PROGRESS_ITEM


@internal
@view
def _writeBack(given: State.Machine, start: uint256) -> (State.Machine, uint256):
    machine: State.Machine = given
    work: Ledger.Sealing = Ledger.openSealing(start, given.pending)
    assert work.stage == Ledger.JOURNAL, "WriteBackStep: not a state of its stage"
    cursor: uint256 = start + Ledger.SEALING_ITEM
    effects: State.Effects = State.openEffects(cursor, given.effects)
    cursor += State.EFFECTS_ITEM
    if effects.journal == empty(bytes32):
        # On with the trie of the transactions.
        work.stage = Ledger.TRANSACTIONS
        work.place = 0
        work.builder = NO_BYTES
        work.chain, cursor = self._transactions(cursor, given.context)
        machine.pending = Ledger.nameSealing(work)
        return machine, cursor
    item: bytes32 = empty(bytes32)
    effects.journal, item = Tape.pair(cursor, effects.journal)
    cursor += Tape.PAIR
    key: Bytes[Preimages.MAX_SHORT] = Preimages.short(cursor, item, KEY_BYTES)
    target: uint256 = convert(slice(key, 1, 20), uint256)
    write: Write = empty(Write)
    write.root = work.stateRoot
    write.place = Accounts.place(cursor + Tape.HEAD + len(key), effects.world, target)
    write.cursor = write.place.cursor
    if write.place.isMissing:
        return Frames.load(given, Pending.LOAD_ACCOUNT, target, 0), write.cursor
    if convert(slice(key, 0, 1), uint256) == ACCOUNT_KEY:
        write = self._account(write, target)
    else:
        write = self._slot(write, key, item, effects.world)
    cursor = write.cursor
    if not write.isOver:
        made: bytes32 = empty(bytes32)
        made, cursor = TrieUpdate.update(cursor, write.root, write.path, write.encoded)
        if write.isSlot:
            write.place.account.storageRoot = made
            effects.world = Accounts.put(write.place, target, write.place.account)
        else:
            work.stateRoot = made
    machine.effects = State.nameEffects(effects)
    machine.pending = Ledger.nameSealing(work)
    return machine, cursor


@internal
@view
def _begin(given: State.Machine, start: uint256) -> (State.Machine, uint256):
    """
    @notice The first step: from the state root of the block's beginning.
    """
    cursor: uint256 = start + Tape.PAIR
    surrounding: Bytes[Context.BLOCK_ITEM] = slice(msg.data, cursor, Context.BLOCK_ITEM)
    Tape.expect(
        keccak256(slice(surrounding, 3, Context.BLOCK_SIZE))
        == Tape.pair(start, given.context)[0]
        and convert(slice(surrounding, 0, 3), uint256) == Context.BLOCK_SIZE
    )
    work: Ledger.Sealing = empty(Ledger.Sealing)
    work.stage = Ledger.JOURNAL
    work.stateRoot = extract32(surrounding, STATE_ROOT)
    work.transactionsRoot = EMPTY_ROOT
    work.receiptsRoot = EMPTY_ROOT
    machine: State.Machine = given
    machine.pending = Ledger.nameSealing(work)
    return machine, cursor + Context.BLOCK_ITEM


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    assert machine.phase == State.BLOCK_END, "WriteBackStep: not a state of phase block end"
    if machine.pending == empty(bytes32):
        machine, cursor = self._begin(machine, cursor)
    else:
        machine, cursor = self._writeBack(machine, cursor)
    Tape.finish(cursor)
    return State.commitment(machine)
