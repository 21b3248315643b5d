# pragma version 0.4.3
# pragma evm-version cancun
"""
@title L1Blocks
@notice What L2 blocks take from the blocks of this L1: header fields, deposits, changes of the
        SystemConfig, proven by header and receipts.
@dev Whoever calls, the same is recorded: there is one header of a number on this chain, and a reorg
     of L1 takes what is recorded here along. Forms of headers and receipts are consensus's, since
     their hashes are. Behind each call's arguments there have to be 32 bytes more (modules/Calldata).
     Twins: rollup/bridge/deposits.py, rollup/bridge/system_config.py, rollup/l1/block.py.

     A receipt that does not fit a call is put on L1 as code first: its leaf of the trie in parts of
     PART bytes, each the code of a contract behind a byte of zero. A program of a few opcodes copies
     them together and gives their hash, since nothing in this language does so in linear time; then
     windows of some parts are read, in as many calls as it takes.
"""

import rollup.settlement.contracts.inputs.modules.Calldata as Calldata
import rollup.settlement.contracts.inputs.modules.DataNames as DataNames
import rollup.settlement.contracts.inputs.modules.ListProof as ListProof
import rollup.settlement.contracts.step.modules.Encoding as Encoding

MAX_HEADER: constant(uint256) = 1_024
MAX_PROOFS: constant(uint256) = 126_000
# Receipts and logs that one call reads at most: more do not fit its proofs.
MAX_RECEIPTS: constant(uint256) = 512
MAX_LOGS: constant(uint256) = 4_096
# EIP-2935.
HISTORY: constant(address) = 0x0000F90827F1C53a10cb7A02335B175320002935
TRANSACTION_DEPOSITED: constant(bytes32) = keccak256(
    "TransactionDeposited(address,address,uint256,bytes)"
)
CONFIG_UPDATE: constant(bytes32) = keccak256("ConfigUpdate(uint256,uint8,bytes)")
# Of a block without receipts.
EMPTY_ROOT: constant(bytes32) = keccak256(x"80")
# Mint, value, gas limit and the flag of a creation, packed.
OPAQUE_HEAD: constant(uint256) = 73
UPDATE_TYPES: constant(uint256) = 8
# Bytes of a part, one less than the most that code may have (EIP-170).
PART: constant(uint256) = 24_575
# More than a receipt of one L1 transaction has: logs cost 8 gas a byte, a transaction has 16,777,216.
MAX_PARTS: constant(uint256) = 96
# Whatever a portal emits fits a window, wherever in its first part it begins.
WINDOW_PARTS: constant(uint256) = 6
WINDOW: constant(uint256) = 147_482  # of six parts, and a word of zeros
# The leaf's and the receipt's items before the logs are within so many bytes.
OPENING: constant(uint256) = 1_024
# Where the bytes stand in the calldata of openReceipt and readWindow.
BYTES_AT: constant(uint256) = 164
# The longest header of an item.
MAX_HEAD: constant(uint256) = 9
# Calldata: a size, then addresses. Copies PART bytes of each code, without the first one, to memory
# one behind the other; returns the Keccak-256 of the first `size` bytes.
#     PUSH0 PUSH1 32                                              to, from
#     JUMPDEST DUP1 CALLDATASIZE EQ PUSH1 31 JUMPI                all copied?
#     PUSH2 PART PUSH1 1 DUP4 DUP4 CALLDATALOAD EXTCODECOPY
#     PUSH1 32 ADD SWAP1 PUSH2 PART ADD SWAP1 PUSH1 3 JUMP
#     JUMPDEST PUSH0 CALLDATALOAD PUSH0 KECCAK256 PUSH0 MSTORE PUSH1 32 PUSH0 RETURN
# In front of it: PUSH1 42 RETURNDATASIZE DUP2 PUSH1 9 RETURNDATASIZE CODECOPY RETURN.
HASHER_CREATION: constant(Bytes[51]) = x"602a3d8160093d39f35f60205b803614601f57615fff60018383353c60200190615fff01906003565b5f355f205f5260205ff3"


struct L1Block:
    blockHash: bytes32
    parentHash: bytes32
    timestamp: uint256
    baseFee: uint256
    blobBaseFee: uint256
    prevRandao: bytes32
    beaconRoot: bytes32
    receiptsRoot: bytes32

struct Reading:
    # How many receipts and logs have been read, and whether these are all.
    receipts: uint256
    logs: uint256
    isRead: bool
    deposits: uint256
    # Bit t: there was a readable update of type t.
    mask: uint256

struct Opened:
    # Of the receipt that is read in windows: where in its leaf the next log begins, and where the
    # logs end; zero while there is none.
    position: uint256
    end: uint256

interface Windows:
    def openReceipt(number: uint256, used: uint256, size: uint256, data: Bytes[OPENING]): nonpayable
    def readWindow(number: uint256, offset: uint256, most: uint256, data: Bytes[WINDOW]): nonpayable

portal: public(immutable(address))
systemConfig: public(immutable(address))
blobBaseFeeUpdateFraction: public(immutable(uint256))
HASHER: immutable(address)

blocks: HashMap[uint256, L1Block]
readings: HashMap[uint256, Reading]
deposits: HashMap[uint256, HashMap[uint256, bytes32]]
words: HashMap[uint256, HashMap[uint256, uint256]]
opened: HashMap[uint256, Opened]
# By block, receipt and name of a list of parts: whether these are the receipt's leaf.
parts: HashMap[uint256, HashMap[uint256, HashMap[bytes32, bool]]]


@deploy
def __init__(_portal: address, _systemConfig: address, _blobBaseFeeUpdateFraction: uint256):
    assert _blobBaseFeeUpdateFraction > 0, "L1Blocks: no blob schedule"
    portal = _portal
    systemConfig = _systemConfig
    blobBaseFeeUpdateFraction = _blobBaseFeeUpdateFraction
    HASHER = raw_create(HASHER_CREATION)


# -- headers --------------------------------------------------------------------------------------


@external
def prove(_header: Bytes[MAX_HEADER]):
    """
    @notice Record the header of a block of this chain: one of the last 256, one that EIP-2935 knows,
            or the parent of one that is recorded. Reverts with NotCanonical(uint256 number).
    """
    limit: uint256 = Calldata.word(36) + 68
    assert Calldata.word(4) == 32, "L1Blocks: encoding"
    whole: Calldata.Item = Calldata.known(68, limit)
    # parentHash, uncles, beneficiary, stateRoot, transactionsRoot, receiptsRoot, bloom, difficulty,
    # number, gasLimit, gasUsed, timestamp, extraData, mixHash, nonce, baseFee, withdrawalsRoot,
    # blobGasUsed, excessBlobGas, parentBeaconBlockRoot, requestsHash
    fields: uint256[21] = empty(uint256[21])
    position: uint256 = whole.start
    for i: uint256 in range(21):
        if position >= whole.end:
            break
        found: Calldata.Item = Calldata.known(position, whole.end)
        if found.end - found.start <= 32:
            fields[i] = Calldata.number(found.start, found.end - found.start)
        position = found.end
    number: uint256 = fields[8]
    blockHash: bytes32 = keccak256(_header)
    if not self._isCanonical(number, blockHash):
        raw_revert(abi_encode(number, method_id=method_id("NotCanonical(uint256)")))
    self.blocks[number] = L1Block(
        blockHash=blockHash,
        parentHash=convert(fields[0], bytes32),
        timestamp=fields[11],
        baseFee=fields[15],
        blobBaseFee=self._blobBaseFee(fields[18]),
        prevRandao=convert(fields[13], bytes32),
        beaconRoot=convert(fields[19], bytes32),
        receiptsRoot=convert(fields[5], bytes32),
    )


@internal
@view
def _isCanonical(number: uint256, blockHash: bytes32) -> bool:
    if self.blocks[number + 1].parentHash == blockHash:
        return True
    if number >= block.number:
        return False
    if block.number - number <= 256:
        return blockhash(number) == blockHash
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        HISTORY,
        concat(convert(number, bytes32), b""),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    return success and len(answer) == 32 and convert(answer, bytes32) == blockHash


@internal
@view
def _blobBaseFee(excess: uint256) -> uint256:
    # EIP-4844, fake_exponential with a factor of 1.
    total: uint256 = 0
    term: uint256 = blobBaseFeeUpdateFraction
    for i: uint256 in range(1, 1_000):
        if term == 0:
            break
        total += term
        term = term * excess // (blobBaseFeeUpdateFraction * i)
    return total // blobBaseFeeUpdateFraction


@external
@view
def l1Block(_number: uint256) -> L1Block:
    """
    @notice What is recorded of a block; its hash is zero where nothing is.
    """
    return self.blocks[_number]


# -- receipts -------------------------------------------------------------------------------------


@external
def readReceipts(_number: uint256, _proofs: Bytes[MAX_PROOFS]):
    """
    @notice Read the next receipts of a recorded block, or that there are no more.
    @param _proofs One after the other for each receipt in order: a byte with the number of nodes, and
           the nodes from the root on, each behind its length in three bytes. The last one shows that
           the next index is not in the trie.
    """
    assert Calldata.word(36) == 64, "L1Blocks: encoding"
    root: bytes32 = self.blocks[_number].receiptsRoot
    assert root != empty(bytes32), "L1Blocks: no header of this number is recorded"
    assert self.opened[_number].end == 0, "L1Blocks: a receipt is being read in windows"
    reading: Reading = self.readings[_number]
    base: uint256 = 100
    position: uint256 = 0
    for _: uint256 in range(MAX_RECEIPTS):
        if position == len(_proofs):
            break
        assert not reading.isRead, "L1Blocks: all receipts of the block are read"
        key: ListProof.Key = ListProof.keyOf(reading.receipts)
        found: ListProof.Step = ListProof.Step(
            kind=ListProof.ABSENT if root == EMPTY_ROOT else ListProof.NODE,
            reference=root,
            used=0,
            start=0,
            end=0,
        )
        nodes: uint256 = Calldata.octet(base + position)
        position += 1
        for depth: uint256 in range(nodes, bound=ListProof.MAX_NODES):
            size: uint256 = Calldata.word(base + position) >> 232
            position += 3
            assert found.kind == ListProof.NODE, "L1Blocks: nodes behind the end of a proof"
            assert (
                keccak256(slice(_proofs, position, size)) == found.reference
            ), "L1Blocks: not the node that its parent names"
            found = ListProof.follow(base + position, size, key, found.used)
            position += size
        if found.kind == ListProof.ABSENT:
            reading.isRead = True
            continue
        assert found.kind == ListProof.VALUE, "L1Blocks: a proof stops before its end"
        reading = self._receipt(_number, reading, found.start, found.end)
        reading.receipts += 1
    assert position == len(_proofs), "L1Blocks: too many receipts in one call"
    self.readings[_number] = reading


@internal
@view
def _logs(start: uint256, end: uint256) -> Calldata.Item:
    # The list of a receipt's logs. A typed receipt has its type before the list.
    isTyped: bool = Calldata.octet(start) < Calldata.LIST
    whole: Calldata.Item = Calldata.known(start + (1 if isTyped else 0), end)
    item: Calldata.Item = Calldata.known(whole.start, end)
    for _: uint256 in range(3):
        # Cumulative gas, bloom, logs.
        item = Calldata.known(item.end, end)
    return item


@internal
def _receipt(number: uint256, before: Reading, start: uint256, end: uint256) -> Reading:
    reading: Reading = before
    item: Calldata.Item = self._logs(start, end)
    position: uint256 = item.start
    for _: uint256 in range(MAX_LOGS):
        if position >= item.end:
            break
        entry: Calldata.Item = Calldata.known(position, item.end)
        reading = self._log(number, reading, entry)
        reading.logs += 1
        position = entry.end
    assert position == item.end, "L1Blocks: too many logs in one receipt"
    return reading


@internal
def _log(number: uint256, before: Reading, entry: Calldata.Item) -> Reading:
    emitter: Calldata.Item = Calldata.known(entry.start, entry.end)
    source: address = convert(Calldata.word(emitter.start) >> 96, address)
    if source != portal and source != systemConfig:
        return before
    topics: Calldata.Item = Calldata.known(emitter.end, entry.end)
    data: Calldata.Item = Calldata.known(topics.end, entry.end)
    # Topics are strings of 32 bytes, 33 with their header.
    count: uint256 = (topics.end - topics.start) // 33
    topic: uint256[4] = empty(uint256[4])
    for i: uint256 in range(count, bound=4):
        topic[i] = Calldata.word(topics.start + 33 * i + 1)
    signature: bytes32 = convert(topic[0], bytes32)
    if source == portal and count > 0 and signature == TRANSACTION_DEPOSITED:
        return self._deposit(number, before, count, topic, data)
    if source == systemConfig and count == 3 and signature == CONFIG_UPDATE and topic[1] == 0:
        return self._update(number, before, topic[2], data)
    return before


@internal
def _deposit(
    number: uint256, before: Reading, count: uint256, topic: uint256[4], data: Calldata.Item
) -> Reading:
    """
    @notice The L2 transaction of a deposit.
    @dev What a portal never emits stops derivation too: here it reverts.
    """
    opaque: uint256 = Calldata.word(data.start + 32)
    start: uint256 = data.start + 64
    assert (
        count == 4
        and topic[3] == 0
        and data.end - data.start == 64 + 32 * ((opaque + 31) // 32)
        and Calldata.word(data.start) == 32
        and opaque >= OPAQUE_HEAD
    ), "L1Blocks: no deposit of version 0"
    isCreation: bool = Calldata.octet(start + 72) != 0
    size: uint256 = opaque - OPAQUE_HEAD
    own: uint256 = start + OPAQUE_HEAD
    recipient: Bytes[21] = x"80"
    if not isCreation:
        recipient = concat(x"94", convert(convert(topic[2] & (2**160 - 1), uint160), bytes20))
    amounts: Bytes[99] = concat(
        Encoding.integer(Calldata.word(start)),
        Encoding.integer(Calldata.word(start + 32)),
        Encoding.integer(Calldata.word(start + 64) >> 192),
    )
    dataHead: Bytes[5] = b""
    if size != 1 or Calldata.octet(own) >= Calldata.STRING:
        dataHead = DataNames.sized(Calldata.STRING, size)
    # Source hash and sender with their headers, and the flag of system transactions.
    payload: uint256 = 33 + 21 + len(recipient) + len(amounts) + 1 + len(dataHead) + size
    sourceHash: bytes32 = keccak256(
        concat(
            empty(bytes32),
            keccak256(concat(self.blocks[number].blockHash, convert(before.logs, bytes32))),
        )
    )
    head: Bytes[DataNames.MAX_HEAD] = concat(
        x"7e",
        DataNames.sized(Calldata.LIST, payload),
        x"a0",
        sourceHash,
        x"94",
        convert(convert(topic[1] & (2**160 - 1), uint160), bytes20),
        recipient,
        amounts,
        x"80",
        dataHead,
    )
    reading: Reading = before
    self.deposits[number][reading.deposits] = DataNames.nameOf(head, own, size)
    reading.deposits += 1
    return reading


@internal
def _update(
    number: uint256, before: Reading, kind: uint256, data: Calldata.Item
) -> Reading:
    """
    @notice Keep a change of the SystemConfig; one that cannot be read means nothing.
    """
    if kind >= UPDATE_TYPES or kind == 3:
        return before
    count: uint256 = 2 if kind == 1 else 1
    if data.end - data.start != 64 + 32 * count:
        return before
    if Calldata.word(data.start) != 32 or Calldata.word(data.start + 32) != 32 * count:
        return before
    found: uint256 = Calldata.word(data.start + 32 + 32 * count)
    isRight: bool = False
    if kind == 0:
        isRight = found >> 160 == 0
    elif kind == 1:
        isRight, found = self._scalars(found)
    elif kind == 2 or kind == 6:
        isRight = found >> 64 == 0
    elif kind == 4:
        # A denominator without an elasticity is no pair.
        isRight = found >> 64 == 0 and (found >> 32 == 0 or found & (2**32 - 1) != 0)
    elif kind == 5:
        isRight = found >> 96 == 0
    else:
        isRight = found >> 16 == 0
    if not isRight:
        return before
    reading: Reading = before
    reading.mask = reading.mask | (1 << kind)
    self.words[number][kind] = found
    return reading


@internal
@pure
def _scalars(word: uint256) -> (bool, uint256):
    """
    @notice Whether a scalar word is of version 0 or 1; the blob scalar above the base fee scalar.
    """
    version: uint256 = word >> 248
    middle: uint256 = (word << 8) >> 72
    low: uint256 = word & (2**64 - 1)
    isRight: bool = middle == 0 and (version == 1 or (version == 0 and low >> 32 == 0))
    return isRight, low


# -- a receipt in windows -------------------------------------------------------------------------


@external
def holdReceipt(
    _number: uint256,
    _proof: Bytes[ListProof.MAX_PROOF],
    _size: uint256,
    _parts: DynArray[address, MAX_PARTS],
):
    """
    @notice Show that parts of code are together the leaf of the next receipt to read; or the leaf of
            another one, which stands where the next would be, so that there are no more.
    @param _proof The nodes above the leaf, as in readReceipts.
    @param _size Bytes of the leaf; what the last part has behind them does not count.
    """
    root: bytes32 = self.blocks[_number].receiptsRoot
    assert root != empty(bytes32), "L1Blocks: no header of this number is recorded"
    reading: Reading = self.readings[_number]
    assert not reading.isRead, "L1Blocks: all receipts of the block are read"
    found: ListProof.Step = ListProof.walk(
        _proof, Calldata.word(36) + 36, root, ListProof.keyOf(reading.receipts)
    )
    assert found.kind == ListProof.NODE, "L1Blocks: the proof has the leaf"
    list: Bytes[32 * MAX_PARTS + 64] = abi_encode(_parts)
    answer: Bytes[32] = raw_call(
        HASHER,
        concat(
            convert(_size, bytes32), slice(list, 64, 32 * len(_parts))
        ),
        max_outsize=32,
        is_static_call=True,
    )
    assert (
        _size <= PART * len(_parts) and convert(answer, bytes32) == found.reference
    ), "L1Blocks: not the node that its parent names"
    self.parts[_number][reading.receipts][self._nameOf(_parts)] = True
    if self.opened[_number].end == 0:
        extcall Windows(self).openReceipt(
            _number, found.used, _size, slice(_parts[0].code, 1, OPENING)
        )


@external
def openReceipt(number: uint256, used: uint256, size: uint256, data: Bytes[OPENING]):
    """
    @notice Find where the logs of a held receipt begin and end. Only this contract calls it, to have
            the bytes in the calldata.
    """
    assert msg.sender == self, "L1Blocks: not for others"
    key: ListProof.Key = ListProof.keyOf(self.readings[number].receipts)
    found: ListProof.Step = ListProof.follow(BYTES_AT, size, key, used)
    if found.kind == ListProof.ABSENT:
        self.readings[number].isRead = True
        return
    assert found.kind == ListProof.VALUE, "L1Blocks: no leaf"
    logs: Calldata.Item = self._logs(found.start, found.end)
    self.opened[number] = Opened(position=logs.start - BYTES_AT, end=logs.end - BYTES_AT)
    self._closeAtEnd(number)


@external
def readHeld(_number: uint256, _parts: DynArray[address, MAX_PARTS], _most: uint256):
    """
    @notice Read the next logs of the held receipt, so many at most, or those of a window.
    """
    reading: Reading = self.readings[_number]
    assert self.parts[_number][reading.receipts][
        self._nameOf(_parts)
    ], "L1Blocks: other parts than were held"
    assert self.opened[_number].end != 0, "L1Blocks: no receipt is held"
    position: uint256 = self.opened[_number].position
    first: uint256 = position // PART
    window: Bytes[WINDOW] = concat(
        self._part(_parts, first),
        self._part(_parts, first + 1),
        self._part(_parts, first + 2),
        self._part(_parts, first + 3),
        self._part(_parts, first + 4),
        self._part(_parts, first + 5),
        empty(bytes32),
    )
    extcall Windows(self).readWindow(_number, first * PART, _most, window)
    self._closeAtEnd(_number)


@internal
@view
def _nameOf(parts: DynArray[address, MAX_PARTS]) -> bytes32:
    # By what the codes are: at an address another one can come to stand (EIP-6780 lets a contract end
    # in the transaction that made it).
    hashes: DynArray[bytes32, MAX_PARTS] = []
    for part: address in parts:
        hashes.append(part.codehash)
    return keccak256(abi_encode(hashes))


@internal
@view
def _part(parts: DynArray[address, MAX_PARTS], index: uint256) -> Bytes[PART]:
    if index >= len(parts):
        return b""
    return slice(parts[index].code, 1, PART)


@external
def readWindow(number: uint256, offset: uint256, most: uint256, data: Bytes[WINDOW]):
    """
    @notice Read logs in a window that stands at an offset of the leaf, with a word of zeros behind it.
            Only this contract calls it, to have the bytes in the calldata.
    """
    assert msg.sender == self, "L1Blocks: not for others"
    reading: Reading = self.readings[number]
    opened: Opened = self.opened[number]
    limit: uint256 = opened.end + BYTES_AT - offset
    windowEnd: uint256 = BYTES_AT + len(data) - 32
    begin: uint256 = opened.position + BYTES_AT - offset
    position: uint256 = begin
    for i: uint256 in range(MAX_LOGS):
        if position == limit or i == most:
            break
        # The first one has room for whatever counts; a later one may go on in the next window.
        if position != begin and min(position + MAX_HEAD, limit) > windowEnd:
            break
        entry: Calldata.Item = Calldata.known(position, limit)
        if entry.end <= windowEnd:
            reading = self._log(number, reading, entry)
        elif position != begin:
            break
        else:
            self._requireNoDeposit(entry)
        reading.logs += 1
        position = entry.end
    self.readings[number] = reading
    self.opened[number].position = position + offset - BYTES_AT


@internal
@view
def _requireNoDeposit(entry: Calldata.Item):
    # Longer than any window: a portal's deposit is shorter, and a change of the SystemConfig that
    # can be read too.
    emitter: Calldata.Item = Calldata.known(entry.start, entry.end)
    topics: Calldata.Item = Calldata.known(emitter.end, entry.end)
    assert (
        convert(Calldata.word(emitter.start) >> 96, address) != portal
        or topics.end == topics.start
        or convert(Calldata.word(topics.start + 1), bytes32) != TRANSACTION_DEPOSITED
    ), "L1Blocks: a deposit longer than a portal takes"


@internal
def _closeAtEnd(number: uint256):
    opened: Opened = self.opened[number]
    if opened.position == opened.end:
        self.opened[number] = empty(Opened)
        self.readings[number].receipts += 1


@external
@view
def held(_number: uint256) -> (uint256, uint256):
    """
    @notice Of the receipt that is read in windows: where in its leaf the next log begins, and where the
            logs end; zero where there is none.
    """
    opened: Opened = self.opened[_number]
    return opened.position, opened.end


@external
@view
def isHeld(_number: uint256, _parts: DynArray[address, MAX_PARTS]) -> bool:
    """
    @notice Whether parts are known to be the leaf of the next receipt to read.
    """
    index: uint256 = self.readings[_number].receipts
    return self.parts[_number][index][self._nameOf(_parts)]


# -- what was read --------------------------------------------------------------------------------


@external
@view
def progress(_number: uint256) -> Reading:
    """
    @notice How far the receipts of a block are read.
    """
    return self.readings[_number]


@external
@view
def isRead(_number: uint256) -> bool:
    """
    @notice Whether all receipts of a block are read.
    """
    return self.readings[_number].isRead


@external
@view
def depositCount(_number: uint256) -> uint256:
    """
    @notice How many deposits a block has, as far as it is read.
    """
    return self.readings[_number].deposits


@external
@view
def depositName(_number: uint256, _index: uint256) -> bytes32:
    """
    @notice The name of a deposit's transaction.
    """
    return self.deposits[_number][_index]


@external
@view
def updates(_number: uint256) -> (uint256, uint256[UPDATE_TYPES]):
    """
    @notice Which types of the SystemConfig a block changed (bit t), and the last value of each.
    """
    found: uint256[UPDATE_TYPES] = empty(uint256[UPDATE_TYPES])
    for i: uint256 in range(UPDATE_TYPES):
        found[i] = self.words[_number][i]
    return self.readings[_number].mask, found
