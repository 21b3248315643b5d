# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Accounts
@notice Accounts, codes and slots in the world map: looked up, met, changed.
@dev The twin of evm/step/accounts.py and slots.py. What is not in the map is missing, and the step
     becomes a load.
"""

import rollup.settlement.contracts.step.modules.Entries as Entries
import rollup.settlement.contracts.step.modules.Rules as Rules
import rollup.settlement.contracts.step.modules.WorldMap as WorldMap

EMPTY_CODE_HASH: constant(bytes32) = keccak256(b"")


struct Met:
    account: Entries.Account
    isMissing: bool
    # Met for the first time in this transaction (EIP-2929).
    isCold: bool
    # The map, in which the account is warm.
    world: bytes32
    cursor: uint256


struct Program:
    root: bytes32
    length: uint256
    isMissing: bool
    cursor: uint256


@internal
@pure
def isEmpty(account: Entries.Account) -> bool:
    """
    @notice Nonce 0, balance 0 and no code (EIP-161).
    """
    return account.nonce == 0 and account.balance == 0 and account.codeHash == EMPTY_CODE_HASH


@internal
@view
def look(cursor: uint256, world: bytes32, account: uint256) -> Met:
    """
    @notice The account at an address.
    """
    met: Met = empty(Met)
    way: WorldMap.Way = WorldMap.find(cursor, world, Entries.accountKey(account))
    met.world = world
    met.cursor = way.cursor
    if way.isFound:
        met.account = Entries.openAccount(met.cursor, way.value)
        met.cursor += Entries.ACCOUNT_ITEM
    else:
        met.isMissing = True
    return met


@internal
@view
def meet(
    cursor: uint256, world: bytes32, account: uint256, transaction: uint256, rules: uint256
) -> Met:
    """
    @notice The account at an address, warm from now on; precompiles always are.
    """
    met: Met = empty(Met)
    key: bytes32 = Entries.accountKey(account)
    way: WorldMap.Way = WorldMap.find(cursor, world, key)
    met.world = world
    met.cursor = way.cursor
    if not way.isFound:
        met.isMissing = True
        return met
    met.account = Entries.openAccount(met.cursor, way.value)
    met.cursor += Entries.ACCOUNT_ITEM
    if met.account.warm != transaction and not Rules.isPrecompile(rules, account):
        met.isCold = True
        met.account.warm = transaction
        met.world = WorldMap.put(way, key, Entries.nameAccount(met.account))
    return met


@internal
@view
def program(cursor: uint256, world: bytes32, codeHash: bytes32) -> Program:
    """
    @notice Code tree and length of a code.
    """
    found: Program = empty(Program)
    found.cursor = cursor
    if codeHash != EMPTY_CODE_HASH:
        way: WorldMap.Way = WorldMap.find(cursor, world, Entries.codeKey(codeHash))
        found.cursor = way.cursor
        if way.isFound:
            code: Entries.Code = Entries.openCode(found.cursor, way.value)
            found.cursor += Entries.CODE_ITEM
            found.root = code.root
            found.length = code.length
        else:
            found.isMissing = True
    return found


struct Place:
    account: Entries.Account
    way: WorldMap.Way
    isMissing: bool
    cursor: uint256


@internal
@view
def place(cursor: uint256, world: bytes32, account: uint256) -> Place:
    """
    @notice Where an account lies.
    """
    found: Place = empty(Place)
    found.way = WorldMap.find(cursor, world, Entries.accountKey(account))
    found.cursor = found.way.cursor
    if found.way.isFound:
        found.account = Entries.openAccount(found.cursor, found.way.value)
        found.cursor += Entries.ACCOUNT_ITEM
    else:
        found.isMissing = True
    return found


@internal
@view
def put(found: Place, account: uint256, changed: Entries.Account) -> bytes32:
    """
    @notice The map with other values of an account that was looked up in it.
    """
    return WorldMap.put(found.way, Entries.accountKey(account), Entries.nameAccount(changed))


struct Moved:
    world: bytes32
    cursor: uint256
    # The account that the map lacks, if one.
    isMissing: bool
    missing: uint256


@internal
@view
def addBalance(cursor: uint256, world: bytes32, account: uint256, amount: uint256) -> Moved:
    """
    @notice Add wei modulo 2^256; the account then exists.
    """
    found: Place = self.place(cursor, world, account)
    if found.isMissing:
        return Moved(world=world, cursor=found.cursor, isMissing=True, missing=account)
    changed: Entries.Account = found.account
    changed.balance = unsafe_add(changed.balance, amount)
    changed.exists = 1
    made: bytes32 = self.put(found, account, changed)
    return Moved(world=made, cursor=found.cursor, isMissing=False, missing=0)


@internal
@view
def transfer(
    cursor: uint256, world: bytes32, sender: uint256, receiver: uint256, amount: uint256
) -> Moved:
    """
    @notice Move wei, not none. The sender has them.
    """
    moved: Moved = self.addBalance(cursor, world, sender, unsafe_sub(0, amount))
    if moved.isMissing:
        return moved
    return self.addBalance(moved.cursor, moved.world, receiver, amount)


@internal
@view
def touchEmpty(cursor: uint256, world: bytes32, account: uint256) -> Moved:
    """
    @notice An empty account that anything touches is gone (EIP-161).
    """
    found: Place = self.place(cursor, world, account)
    moved: Moved = Moved(
        world=world, cursor=found.cursor, isMissing=found.isMissing, missing=account
    )
    if not found.isMissing and found.account.exists != 0 and self.isEmpty(found.account):
        changed: Entries.Account = found.account
        changed.exists = 0
        moved.world = self.put(found, account, changed)
    return moved
