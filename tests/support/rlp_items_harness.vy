# pragma version 0.4.3
# pragma evm-version cancun
# The module that reads RLP item by item, behind doors of its own, for tests.

from rollup.settlement.contracts.step.modules import RlpItems


@external
@pure
def span(data: Bytes[1024], position: uint256) -> (bool, bool, uint256, uint256):
    found: RlpItems.Span = RlpItems.span(data, position)
    return found.failed, found.isList, found.start, found.end


@external
@pure
def text(data: Bytes[1024], position: uint256, limit: uint256) -> (bool, uint256, uint256, uint256):
    fields: RlpItems.Fields = RlpItems.Fields(position=position, failed=False)
    read: uint256 = 0
    size: uint256 = 0
    fields, read, size = RlpItems.text(data, fields, limit)
    return fields.failed, fields.position, read, size


@external
@pure
def exactly(data: Bytes[1024], position: uint256, size: uint256) -> (bool, uint256, uint256):
    fields: RlpItems.Fields = RlpItems.Fields(position=position, failed=False)
    read: uint256 = 0
    fields, read = RlpItems.exactly(data, fields, size)
    return fields.failed, fields.position, read


@external
@pure
def number(data: Bytes[1024], position: uint256, limit: uint256) -> (bool, uint256, uint256):
    fields: RlpItems.Fields = RlpItems.Fields(position=position, failed=False)
    read: uint256 = 0
    fields, read = RlpItems.number(data, fields, limit)
    return fields.failed, fields.position, read


@external
@pure
def head(base: uint256, size: uint256) -> Bytes[9]:
    return RlpItems.head(base, size)


@external
@pure
def encodedNumber(amount: uint256) -> Bytes[33]:
    return RlpItems.encodedNumber(amount)


@external
@pure
def encodedAddress(account: uint256) -> Bytes[21]:
    return RlpItems.encodedAddress(account)


@external
@pure
def encodedList(payload: Bytes[128]) -> Bytes[137]:
    return RlpItems.encodedList(payload)
