# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Entries
@notice What lies in the world map, and under which keys.
@dev The records of evm/step/structures/world.py, field by field; SIZE is that of the bytes, ITEM with their length
     before them, as they stand in a witness. Numbers are held as uint256 and checked when packed.
"""

import rollup.settlement.contracts.step.modules.Tape as Tape

ACCOUNT_SIZE: constant(uint256) = 121
ACCOUNT_ITEM: constant(uint256) = 124
SLOT_SIZE: constant(uint256) = 72
SLOT_ITEM: constant(uint256) = 75
CODE_SIZE: constant(uint256) = 36
CODE_ITEM: constant(uint256) = 39
TRANSIENT_ITEM: constant(uint256) = 35


struct Account:
    nonce: uint256
    balance: uint256
    codeHash: bytes32
    storageRoot: bytes32
    generation: uint256
    exists: uint256
    warm: uint256
    created: uint256
    destroyed: uint256


struct Slot:
    now: uint256
    original: uint256
    originalIn: uint256
    warm: uint256


struct Code:
    root: bytes32
    length: uint256


@internal
@view
def openAccount(cursor: uint256, wanted: bytes32) -> Account:
    node: Bytes[ACCOUNT_ITEM] = slice(msg.data, cursor, ACCOUNT_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, ACCOUNT_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == ACCOUNT_SIZE
    )
    return Account(
        nonce=convert(extract32(node, 3), uint256) >> 192,
        balance=convert(extract32(node, 11), uint256),
        codeHash=extract32(node, 43),
        storageRoot=extract32(node, 75),
        generation=convert(slice(node, 107, 4), uint256),
        exists=convert(slice(node, 111, 1), uint256),
        warm=convert(slice(node, 112, 4), uint256),
        created=convert(slice(node, 116, 4), uint256),
        destroyed=convert(slice(node, 120, 4), uint256),
    )


@internal
@pure
def nameAccount(account: Account) -> bytes32:
    return keccak256(
        concat(
            convert(convert(account.nonce, uint64), bytes8),
            convert(account.balance, bytes32),
            account.codeHash,
            account.storageRoot,
            convert(convert(account.generation, uint32), bytes4),
            convert(convert(account.exists, uint8), bytes1),
            convert(convert(account.warm, uint32), bytes4),
            convert(convert(account.created, uint32), bytes4),
            convert(convert(account.destroyed, uint32), bytes4),
        )
    )


@internal
@view
def openSlot(cursor: uint256, wanted: bytes32) -> Slot:
    node: Bytes[SLOT_ITEM] = slice(msg.data, cursor, SLOT_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, SLOT_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == SLOT_SIZE
    )
    return Slot(
        now=convert(extract32(node, 3), uint256),
        original=convert(extract32(node, 35), uint256),
        originalIn=convert(slice(node, 67, 4), uint256),
        warm=convert(slice(node, 71, 4), uint256),
    )


@internal
@pure
def nameSlot(slot: Slot) -> bytes32:
    return keccak256(
        concat(
            convert(slot.now, bytes32),
            convert(slot.original, bytes32),
            convert(convert(slot.originalIn, uint32), bytes4),
            convert(convert(slot.warm, uint32), bytes4),
        )
    )


@internal
@view
def openCode(cursor: uint256, wanted: bytes32) -> Code:
    node: Bytes[CODE_ITEM] = slice(msg.data, cursor, CODE_ITEM)
    Tape.expect(
        keccak256(slice(node, 3, CODE_SIZE)) == wanted
        and convert(slice(node, 0, 3), uint256) == CODE_SIZE
    )
    return Code(
        root=extract32(node, 3),
        length=convert(slice(node, 35, 4), uint256),
    )


@internal
@pure
def nameCode(code: Code) -> bytes32:
    return keccak256(
        concat(
            code.root,
            convert(convert(code.length, uint32), bytes4),
        )
    )


@internal
@pure
def accountKey(account: uint256) -> bytes32:
    return keccak256(concat(0x01, convert(convert(account, uint160), bytes20)))


@internal
@pure
def slotKey(account: uint256, generation: uint256, slot: uint256) -> bytes32:
    return keccak256(
        concat(
            0x02,
            convert(convert(account, uint160), bytes20),
            convert(convert(generation, uint32), bytes4),
            convert(slot, bytes32),
        )
    )


@internal
@pure
def transientKey(transaction: uint256, account: uint256, slot: uint256) -> bytes32:
    return keccak256(
        concat(
            0x03,
            convert(convert(transaction, uint32), bytes4),
            convert(convert(account, uint160), bytes20),
            convert(slot, bytes32),
        )
    )


@internal
@pure
def codeKey(codeHash: bytes32) -> bytes32:
    return keccak256(concat(0x04, codeHash))


@internal
@view
def openTransient(cursor: uint256, wanted: bytes32) -> uint256:
    """
    @notice Open a transient slot, whose bytes are its value.
    """
    item: Bytes[TRANSIENT_ITEM] = slice(msg.data, cursor, TRANSIENT_ITEM)
    Tape.expect(
        keccak256(slice(item, 3, 32)) == wanted and convert(slice(item, 0, 3), uint256) == 32
    )
    return convert(extract32(item, 3), uint256)
