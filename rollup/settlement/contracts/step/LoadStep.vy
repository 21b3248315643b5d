# pragma version 0.4.3
# pragma evm-version cancun
"""
@title LoadStep
@notice Steps of phase `load` for accounts and slots, from the tries of the block's beginning into
        the world map; and for hashes of older blocks, from headers into the context. Codes are
        CodeStep's.
@dev The twin of evm/step/loading.py.
"""

import rollup.settlement.contracts.modules.MerkleTrie as MerkleTrie
import rollup.settlement.contracts.step.modules.Accounts as Accounts
import rollup.settlement.contracts.step.modules.Ancestors as Ancestors
import rollup.settlement.contracts.step.modules.Context as Context
import rollup.settlement.contracts.step.modules.Entries as Entries
import rollup.settlement.contracts.step.modules.Frames as Frames
import rollup.settlement.contracts.step.modules.Headers as Headers
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.Preimages as Preimages
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.TrieLookup as TrieLookup
import rollup.settlement.contracts.step.modules.WorldMap as WorldMap

MAX_WITNESS: constant(uint256) = 32768


@internal
@view
def _put(
    given: State.Machine, opened: State.Effects, at: uint256, key: bytes32, named: bytes32,
    cursor: uint256
) -> (State.Machine, uint256):
    """
    @notice Put an entry into the map, whose way is opened at `at`, and append it to the journal.
    """
    machine: State.Machine = given
    effects: State.Effects = opened
    way: WorldMap.Way = WorldMap.find(at, effects.world, key)
    assert not way.isFound, "LoadStep: it is in the map already"
    effects.world = WorldMap.put(way, key, named)
    effects.journal = keccak256(concat(effects.journal, key))
    machine.effects = State.nameEffects(effects)
    return machine, way.cursor


@internal
@pure
def _decoded(value_: Bytes[TrieLookup.MAX_VALUE]) -> Entries.Account:
    """
    @notice An account of the state trie: RLP of nonce, balance, storage root, code hash.
    """
    node: Bytes[MerkleTrie.MAX_NODE] = value_
    account: Entries.Account = empty(Entries.Account)
    item: MerkleTrie.Item = MerkleTrie._item(node, MerkleTrie._listStart(node))
    account.nonce = TrieLookup.number(node, item.start, item.size)
    item = MerkleTrie._item(node, item.end)
    account.balance = TrieLookup.number(node, item.start, item.size)
    item = MerkleTrie._item(node, item.end)
    account.storageRoot = extract32(node, item.start)
    item = MerkleTrie._item(node, item.end)
    account.codeHash = extract32(node, item.start)
    account.exists = 1
    return account


@internal
@view
def _account(
    given: State.Machine, load: Pending.Load, start: uint256
) -> (State.Machine, uint256):
    cursor: uint256 = start
    blockName: bytes32 = empty(bytes32)
    transactionName: bytes32 = empty(bytes32)
    blockName, transactionName = Tape.pair(cursor, given.context)
    cursor += Tape.PAIR
    surrounding: Context.Block = Context.openBlock(cursor, blockName)
    cursor += Context.BLOCK_ITEM
    path: bytes32 = keccak256(
        concat(b"", convert(convert(load.target, uint160), bytes20))
    )
    found: TrieLookup.Found = TrieLookup.find(cursor, surrounding.stateRoot, path)
    cursor = found.cursor
    account: Entries.Account = empty(Entries.Account)
    account.codeHash = Accounts.EMPTY_CODE_HASH
    account.storageRoot = TrieLookup.EMPTY_ROOT
    if found.isFound:
        account = self._decoded(found.value)
    effects: State.Effects = State.openEffects(cursor, given.effects)
    cursor += State.EFFECTS_ITEM
    key: bytes32 = Entries.accountKey(load.target)
    return self._put(given, effects, cursor, key, Entries.nameAccount(account), cursor)


@internal
@view
def _slot(
    given: State.Machine, load: Pending.Load, start: uint256
) -> (State.Machine, uint256):
    effects: State.Effects = State.openEffects(start, given.effects)
    met: Accounts.Met = Accounts.look(
        start + State.EFFECTS_ITEM, effects.world, load.target
    )
    if met.isMissing:
        loading: State.Machine = Frames.load(given, Pending.LOAD_ACCOUNT, load.target, 0)
        return loading, met.cursor
    path: bytes32 = keccak256(convert(load.key, bytes32))
    found: TrieLookup.Found = TrieLookup.find(met.cursor, met.account.storageRoot, path)
    slot: Entries.Slot = empty(Entries.Slot)
    if found.isFound:
        node: Bytes[MerkleTrie.MAX_NODE] = found.value
        item: MerkleTrie.Item = MerkleTrie._item(node, 0)
        slot.now = TrieLookup.number(node, item.start, item.size)
    key: bytes32 = Entries.slotKey(load.target, met.account.generation, load.key)
    return self._put(
        given, effects, found.cursor, key, Entries.nameSlot(slot), found.cursor
    )


@internal
@view
def _ancestor(
    given: State.Machine, load: Pending.Load, start: uint256
) -> (State.Machine, uint256):
    """
    @notice Learn a block's hash from the header above it. If that one's hash is not known either,
            it is loaded first, and this load is taken again. What is learned stays in the context,
            which no failing frame undoes.
    """
    cursor: uint256 = start
    blockName: bytes32 = empty(bytes32)
    transactionName: bytes32 = empty(bytes32)
    blockName, transactionName = Tape.pair(cursor, given.context)
    cursor += Tape.PAIR
    surrounding: Context.Block = Context.openBlock(cursor, blockName)
    cursor += Context.BLOCK_ITEM
    above: uint256 = load.key + 1
    wanted: bytes32 = Ancestors.hashOf(cursor, surrounding.ancestors, above)
    cursor += Ancestors.WAY
    if wanted == empty(bytes32):
        return Frames.load(given, Ancestors.LOAD, 0, above), cursor
    encoded: Bytes[Headers.MAX_HEADER] = Preimages.header(cursor, wanted)
    cursor += Tape.HEAD + len(encoded)
    header: Headers.Header = Headers.decode(encoded)
    surrounding.ancestors = Ancestors.known(
        cursor, surrounding.ancestors, load.key, header.parentHash
    )
    machine: State.Machine = given
    machine.context = keccak256(concat(Context.nameBlock(surrounding), transactionName))
    machine.phase = load.backPhase
    machine.pending = load.backPending
    return machine, cursor + Ancestors.WAY


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    assert machine.phase == State.LOAD, "LoadStep: not a state of phase load"
    load: Pending.Load = Pending.openLoad(cursor, machine.pending)
    cursor += Pending.LOAD_ITEM
    if load.kind == Ancestors.LOAD:
        machine, cursor = self._ancestor(machine, load, cursor)
    else:
        machine.phase = load.backPhase
        machine.pending = load.backPending
        if load.kind == Pending.LOAD_ACCOUNT:
            machine, cursor = self._account(machine, load, cursor)
        else:
            assert load.kind == Pending.LOAD_SLOT, "LoadStep: a code is CodeStep's"
            machine, cursor = self._slot(machine, load, cursor)
    Tape.finish(cursor)
    return State.commitment(machine)
