# pragma version 0.4.3
# pragma evm-version cancun
"""
@title BatchInbox
@notice Takes the batches of a rollup and remembers where each piece of data stands, so that a dispute
        can prove on L1 what an L2 block is made of (docs/protocol/batch-inbox.md).
@dev Data go into an event: what calldata cost by the floor of EIP-7623 covers it.
"""

interface SystemConfig:
    def batcherHash() -> bytes32: view

# An item as L1 can read it in one more transaction: rollup/wire/inbox_item.py.
MAX_ITEM_BYTES: constant(uint256) = 120_000

struct Item:
    # L1 block in which it came.
    l1Block: uint256
    dataHash: bytes32

systemConfig: public(immutable(address))

count: public(uint256)
items: HashMap[uint256, Item]

event Batches:
    index: indexed(uint256)
    data: Bytes[MAX_ITEM_BYTES]


@deploy
def __init__(_systemConfig: address):
    systemConfig = _systemConfig


@external
def append(_data: Bytes[MAX_ITEM_BYTES]):
    """
    @notice Append an item. Reverts with NotBatcher() and ItemEmpty().
    """
    batcher: bytes32 = staticcall SystemConfig(systemConfig).batcherHash()
    if convert(msg.sender, bytes32) != batcher:
        raw_revert(method_id("NotBatcher()"))
    if len(_data) == 0:
        raw_revert(method_id("ItemEmpty()"))
    index: uint256 = self.count
    self.count = index + 1
    self.items[index] = Item(l1Block=block.number, dataHash=keccak256(_data))
    log Batches(index=index, data=_data)


@external
@view
def item(_index: uint256) -> Item:
    """
    @notice In which L1 block an item came, and the Keccak-256 of its data; zero for none.
    """
    return self.items[_index]
