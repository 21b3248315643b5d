# pragma version 0.4.3
# pragma evm-version cancun
"""
@title BlockInputs
@notice Computes on L1 what an L2 block has to be made of, from the block before it and from L1's own
        data: which batch follows, which deposits come with it, under which configuration.
@dev docs/protocol/inputs-on-l1.md. Everything is kept by the output root of the block before, and
     depends on that and on L1 alone: whoever calls, the same comes out, and a call that is wrong
     changes nothing. Behind each call's arguments there have to be 32 bytes more
     (modules/Calldata). Twins: rollup/derivation/batch_queue.py with batch_checks.check_singular
     and batch_origins.empty_batch, rollup/derivation/attributes.py, rollup/bridge/l1_attributes.py.
"""

import rollup.settlement.contracts.inputs.modules.Calldata as Calldata
import rollup.settlement.contracts.inputs.modules.DataNames as DataNames
import rollup.settlement.contracts.inputs.modules.ListProof as ListProof

# Of items in one call, with the three bytes before each.
MAX_ITEMS_BYTES: constant(uint256) = 126_000
MAX_ITEMS: constant(uint256) = 2_048
# rollup/wire/inbox_item.py: batches and transactions of an item that are read.
MAX_BATCHES: constant(uint256) = 256
MAX_TRANSACTIONS: constant(uint256) = 1_536
DEPOSITS_A_CALL: constant(uint256) = 1_024
ITEM_VERSION: constant(uint256) = 2
DEPOSIT_TYPE: constant(uint256) = 126
# Fjord: seconds that an L2 block may run ahead of its L1 origin.
MAX_DRIFT: constant(uint256) = 1_800
INPUTS_DEPTH: constant(uint256) = 16
SEQUENCER_FEE_VAULT: constant(address) = 0x4200000000000000000000000000000000000011
NO_BYTES: constant(bytes32) = keccak256(b"")
DEFAULT_FOOTPRINT: constant(uint256) = 400
UPDATE_TYPES: constant(uint256) = 8
# What became of the search for a batch.
SEARCHING: constant(uint256) = 0
BATCH: constant(uint256) = 1
EMPTY: constant(uint256) = 2


struct Item:
    l1Block: uint256
    dataHash: bytes32

struct L1Block:
    blockHash: bytes32
    parentHash: bytes32
    timestamp: uint256
    baseFee: uint256
    blobBaseFee: uint256
    prevRandao: bytes32
    beaconRoot: bytes32
    receiptsRoot: bytes32

interface BatchInbox:
    def count() -> uint256: view
    def item(index: uint256) -> Item: view

interface L1Blocks:
    def l1Block(number: uint256) -> L1Block: view
    def isRead(number: uint256) -> bool: view
    def depositCount(number: uint256) -> uint256: view
    def depositName(number: uint256, index: uint256) -> bytes32: view
    def updates(number: uint256) -> (uint256, uint256[UPDATE_TYPES]): view


struct Config:
    batcher: uint256
    gasLimit: uint256
    # Blob base fee scalar above base fee scalar, 32 bits each.
    scalars: uint256
    # Scalar above constant, 32 and 64 bits.
    operatorFee: uint256
    # Denominator above elasticity, 32 bits each; zero for the chain's own.
    feeParameters: uint256
    minBaseFee: uint256
    footprint: uint256

struct Chain:
    inbox: address
    l1Blocks: address
    genesisHash: bytes32
    genesisOrigin: uint256
    genesisOriginHash: bytes32
    genesisConfig: Config
    blockTime: uint256
    window: uint256
    # Name of the rules that the steps run by.
    rules: bytes32
    # Denominator above elasticity, 32 bits each.
    feeParameters: uint256
    isJovian: bool

struct Job:
    isBegun: bool
    # The block before.
    number: uint256
    timestamp: uint256
    blockHash: bytes32
    origin: uint256
    originHash: bytes32
    sequence: uint256
    config: Config
    # One more than the index of the item to look at next; zero before the first.
    nextItem: uint256
    # SEARCHING, BATCH or EMPTY.
    found: uint256
    epoch: uint256
    count: uint256
    # Chain of the transactions that are put together so far, the first one newest.
    transactions: bytes32
    deposited: uint256
    inputsRoot: bytes32

struct Read:
    # Whether there is a batch that can be read.
    isRight: bool
    end: uint256
    parent: bytes32
    epoch: uint256
    epochHash: bytes32
    timestamp: uint256
    # Whether no transaction is empty or a deposit.
    isClean: bool

settings: Chain
jobs: HashMap[bytes32, Job]


@deploy
def __init__(_chain: Chain):
    self.settings = _chain


# -- the block before -----------------------------------------------------------------------------


@external
def begin(_output: Bytes[128], _header: Bytes[1_024], _proof: Bytes[ListProof.MAX_PROOF]):
    """
    @notice Open an output root: the block's header, and its first transaction, which tells its L1
            origin and the configuration.
    @param _proof A byte with the number of nodes, and the nodes of the proof of transaction 0, each
           behind its length in three bytes; empty for the genesis block.
    """
    agreed: bytes32 = keccak256(_output)
    assert not self.jobs[agreed].isBegun, "BlockInputs: begun already"
    assert len(_output) == 128 and extract32(_output, 0) == empty(
        bytes32
    ), "BlockInputs: no output of version 0"
    blockHash: bytes32 = extract32(_output, 96)
    assert keccak256(_header) == blockHash, "BlockInputs: another header than the output names"
    job: Job = empty(Job)
    job.isBegun = True
    job.blockHash = blockHash
    start: uint256 = Calldata.word(36) + 36
    whole: Calldata.Item = Calldata.known(start, start + len(_header))
    position: uint256 = whole.start
    transactionsRoot: bytes32 = empty(bytes32)
    extra: Calldata.Item = empty(Calldata.Item)
    for i: uint256 in range(13):
        field: Calldata.Item = Calldata.known(position, whole.end)
        size: uint256 = field.end - field.start
        if i == 4:
            transactionsRoot = convert(Calldata.word(field.start), bytes32)
        elif i == 8:
            job.number = Calldata.number(field.start, size)
        elif i == 9:
            job.config.gasLimit = Calldata.number(field.start, size)
        elif i == 11:
            job.timestamp = Calldata.number(field.start, size)
        elif i == 12:
            extra = field
        position = field.end
    if blockHash == self.settings.genesisHash:
        job.origin = self.settings.genesisOrigin
        job.originHash = self.settings.genesisOriginHash
        job.config = self.settings.genesisConfig
        self.jobs[agreed] = job
        return
    parameters: uint256 = Calldata.word(extra.start + 1)
    job.config.feeParameters = parameters >> 192
    if self.settings.isJovian:
        job.config.minBaseFee = (parameters >> 128) & (2**64 - 1)
    found: ListProof.Step = ListProof.walk(
        _proof, Calldata.word(68) + 36, transactionsRoot, ListProof.keyOf(0)
    )
    assert found.kind == ListProof.VALUE, "BlockInputs: no proof of the first transaction"
    self.jobs[agreed] = self._withOrigin(job, found.start, found.end)


@internal
@view
def _withOrigin(before: Job, start: uint256, end: uint256) -> Job:
    """
    @notice What the L1-attributes transaction says. Its block is agreed on, so it is one.
    """
    job: Job = before
    whole: Calldata.Item = Calldata.known(start + 1, end)
    data: Calldata.Item = Calldata.known(whole.start, end)
    for _: uint256 in range(7):
        data = Calldata.known(data.end, end)
    at: uint256 = data.start
    job.config.scalars = Calldata.number(at + 8, 4) << 32 | Calldata.number(at + 4, 4)
    job.sequence = Calldata.number(at + 12, 8)
    job.origin = Calldata.number(at + 28, 8)
    job.originHash = convert(Calldata.word(at + 100), bytes32)
    job.config.batcher = Calldata.word(at + 132)
    job.config.operatorFee = Calldata.number(at + 164, 12)
    if self.settings.isJovian:
        job.config.footprint = Calldata.number(at + 176, 2)
    return job


# -- which batch follows --------------------------------------------------------------------------


@external
def scan(_agreed: bytes32, _index: uint256, _items: Bytes[MAX_ITEMS_BYTES]):
    """
    @notice Look for the batch of the block behind the agreed one in the next items of the inbox.
    @param _index The first of these items; at first that is the first one behind the L1 origin of the
           agreed block.
    @param _items Each behind its length in three bytes, in order; those behind the one that has the
           batch are not looked at.
    """
    job: Job = self.jobs[_agreed]
    assert job.isBegun and job.found == SEARCHING, "BlockInputs: nothing is searched for"
    assert Calldata.word(68) == 96, "BlockInputs: encoding"
    origin: L1Block = empty(L1Block)
    following: L1Block = empty(L1Block)
    origin, following = self._origins(job)
    last: uint256 = self._deadline(job, following)
    index: uint256 = _index
    position: uint256 = 0
    for _: uint256 in range(MAX_ITEMS):
        if position == len(_items) or job.found != SEARCHING:
            break
        item: Item = self._itemToRead(job, index)
        assert item.l1Block != 0, "BlockInputs: no such item"
        assert item.l1Block <= last, "BlockInputs: the window is over"
        size: uint256 = Calldata.word(132 + position) >> 232
        position += 3
        assert (
            keccak256(slice(_items, position, size)) == item.dataHash
        ), "BlockInputs: not the data of the item"
        if Calldata.octet(132 + position) == ITEM_VERSION:
            limit: uint256 = 132 + position + size
            job = self._searched(job, item.l1Block, 133 + position, limit, origin, following)
        position += size
        index += 1
        job.nextItem = index + 1
    assert (
        position == len(_items) or job.found != SEARCHING
    ), "BlockInputs: too many items in one call"
    self.jobs[_agreed] = job


@internal
@view
def _searched(
    before: Job,
    l1Block: uint256,
    first: uint256,
    limit: uint256,
    origin: L1Block,
    following: L1Block,
) -> Job:
    """
    @notice The job behind a search of the batches from the first place on, of an item of an L1 block.
    """
    job: Job = before
    position: uint256 = first
    places: uint256[MAX_TRANSACTIONS] = empty(uint256[MAX_TRANSACTIONS])
    total: uint256 = 0
    for _: uint256 in range(MAX_BATCHES):
        if position >= limit:
            break
        batch: Read = empty(Read)
        transactions: Calldata.Item = empty(Calldata.Item)
        batch, transactions = self._batch(position, limit)
        if not batch.isRight:
            break
        # Its transactions: strings, up to the end of their list, and not too many in the item.
        count: uint256 = 0
        isClean: bool = True
        at: uint256 = transactions.start
        for j: uint256 in range(MAX_TRANSACTIONS):
            if at >= transactions.end or total + count == MAX_TRANSACTIONS:
                break
            raw: Calldata.Item = Calldata.item(at, transactions.end)
            if not raw.isRight or raw.isList:
                break
            places[count] = (raw.start << 32) | raw.end
            if raw.start == raw.end or Calldata.octet(raw.start) == DEPOSIT_TYPE:
                isClean = False
            count += 1
            at = raw.end
        if at != transactions.end:
            break
        total += count
        batch.isClean = isClean
        if self._fits(job, l1Block, batch, count, origin, following):
            job.found = BATCH
            job.epoch = batch.epoch
            job.count = count
            for j: uint256 in range(count, bound=MAX_TRANSACTIONS):
                place: uint256 = places[count - 1 - j]
                start: uint256 = place >> 32
                name: bytes32 = DataNames.nameOf(b"", start, (place & (2**32 - 1)) - start)
                job.transactions = DataNames.link(job.transactions, name)
            break
        position = batch.end
    return job


@internal
@view
def _itemToRead(job: Job, index: uint256) -> Item:
    """
    @notice The item of an index, which has to be the next to look at; zero where there is none yet.
    """
    inbox: address = self.settings.inbox
    item: Item = staticcall BatchInbox(inbox).item(index)
    if job.nextItem != 0:
        assert index + 1 == job.nextItem, "BlockInputs: another item is next"
        return item
    if index > 0:
        before: Item = staticcall BatchInbox(inbox).item(index - 1)
        assert (
            before.l1Block != 0 and before.l1Block <= job.origin
        ), "BlockInputs: an item behind the origin is left out"
    assert (
        item.l1Block == 0 or item.l1Block > job.origin
    ), "BlockInputs: the item is not behind the origin"
    return item


@internal
@view
def _origins(job: Job) -> (L1Block, L1Block):
    """
    @notice The L1 origin of the agreed block, and the L1 block behind it.
    """
    blocks: address = self.settings.l1Blocks
    origin: L1Block = staticcall L1Blocks(blocks).l1Block(job.origin)
    following: L1Block = staticcall L1Blocks(blocks).l1Block(job.origin + 1)
    assert origin.blockHash == job.originHash, "BlockInputs: prove the L1 origin first"
    assert (
        following.parentHash == job.originHash
    ), "BlockInputs: prove the L1 block behind the origin first"
    return origin, following


@internal
@view
def _deadline(job: Job, following: L1Block) -> uint256:
    """
    @notice The last L1 block whose items count; behind it comes the empty batch.
    """
    epoch: uint256 = job.origin
    if job.timestamp + self.settings.blockTime >= following.timestamp:
        epoch += 1
    return epoch + self.settings.window


@internal
@view
def _batch(position: uint256, limit: uint256) -> (Read, Calldata.Item):
    """
    @notice Read a batch at a position of an item, but for its transactions, which it gives as a list.
    """
    wrong: Read = empty(Read)
    nothing: Calldata.Item = empty(Calldata.Item)
    outer: Calldata.Item = Calldata.item(position, limit)
    # A string that begins with version 0, and then one list up to its end.
    if not outer.isRight or outer.isList or outer.start == outer.end:
        return wrong, nothing
    if Calldata.octet(outer.start) != 0:
        return wrong, nothing
    body: Calldata.Item = Calldata.item(outer.start + 1, outer.end)
    if not body.isRight or not body.isList or body.end != outer.end:
        return wrong, nothing
    fields: uint256[4] = empty(uint256[4])
    at: uint256 = body.start
    for i: uint256 in range(4):
        field: Calldata.Item = Calldata.item(at, body.end)
        size: uint256 = field.end - field.start
        if not field.isRight or field.isList:
            return wrong, nothing
        if i & 1 == 0:
            if size != 32:
                return wrong, nothing
        elif size > 8 or (size > 0 and Calldata.octet(field.start) == 0):
            return wrong, nothing
        fields[i] = Calldata.number(field.start, size)
        at = field.end
    transactions: Calldata.Item = Calldata.item(at, body.end)
    if not transactions.isRight or not transactions.isList or transactions.end != body.end:
        return wrong, nothing
    return (
        Read(
            isRight=True,
            end=outer.end,
            parent=convert(fields[0], bytes32),
            epoch=fields[1],
            epochHash=convert(fields[2], bytes32),
            timestamp=fields[3],
            isClean=True,
        ),
        transactions,
    )


@internal
@view
def _fits(
    job: Job, l1Block: uint256, batch: Read, count: uint256, origin: L1Block, following: L1Block
) -> bool:
    """
    @notice Whether a batch, included in an L1 block, may follow the agreed block.
    @dev L1 is known as far as the rules ask: they look at the origin and at the block behind it.
    """
    if batch.timestamp != job.timestamp + self.settings.blockTime or batch.parent != job.blockHash:
        return False
    if batch.epoch + self.settings.window < l1Block:
        return False
    epoch: L1Block = origin
    if batch.epoch == job.origin + 1:
        epoch = following
    elif batch.epoch != job.origin:
        return False
    # The L1 block of an epoch is there before whoever names its hash.
    if batch.epochHash != epoch.blockHash or batch.timestamp < epoch.timestamp:
        return False
    if batch.timestamp > epoch.timestamp + MAX_DRIFT:
        if count > 0:
            return False
        if batch.epoch == job.origin and batch.timestamp >= following.timestamp:
            return False
    return batch.isClean


# -- the block's inputs ---------------------------------------------------------------------------


@external
def conclude(_agreed: bytes32, _index: uint256):
    """
    @notice Put the inputs together: with the batch that was found, or, when all items of the window
            have been looked at, with the empty one. Again while the deposits are more than a call
            takes.
    @param _index The item that would be looked at next; not read where a batch was found.
    """
    job: Job = self.jobs[_agreed]
    assert job.isBegun, "BlockInputs: begin first"
    assert job.inputsRoot == empty(bytes32), "BlockInputs: concluded already"
    origin: L1Block = empty(L1Block)
    following: L1Block = empty(L1Block)
    origin, following = self._origins(job)
    if job.found == SEARCHING:
        last: uint256 = self._deadline(job, following)
        item: Item = self._itemToRead(job, _index)
        assert (
            block.number > last and (item.l1Block == 0 or item.l1Block > last)
        ), "BlockInputs: a batch may come yet"
        assert (
            item.l1Block != 0 or staticcall BatchInbox(self.settings.inbox).count() <= _index
        ), "BlockInputs: items are left out"
        job.found = EMPTY
        job.epoch = last - self.settings.window
    deposits: uint256 = 0
    if job.epoch != job.origin:
        blocks: address = self.settings.l1Blocks
        assert staticcall L1Blocks(blocks).isRead(job.epoch), "BlockInputs: read its receipts first"
        deposits = staticcall L1Blocks(blocks).depositCount(job.epoch)
        for _: uint256 in range(DEPOSITS_A_CALL):
            if job.deposited == deposits:
                break
            job.deposited += 1
            job.transactions = DataNames.link(
                job.transactions,
                staticcall L1Blocks(blocks).depositName(job.epoch, deposits - job.deposited),
            )
    if job.deposited == deposits:
        job.inputsRoot = self._inputs(job, following if job.epoch != job.origin else origin)
    self.jobs[_agreed] = job


@internal
@view
def _updated(before: Config, epoch: uint256) -> Config:
    """
    @notice The configuration with what an L1 block changed of it.
    """
    config: Config = before
    mask: uint256 = 0
    words: uint256[UPDATE_TYPES] = empty(uint256[UPDATE_TYPES])
    mask, words = staticcall L1Blocks(self.settings.l1Blocks).updates(epoch)
    if mask & 1 != 0:
        config.batcher = words[0]
    if mask & 2 != 0:
        config.scalars = words[1]
    if mask & 4 != 0:
        config.gasLimit = words[2]
    if mask & 16 != 0:
        config.feeParameters = words[4]
    if mask & 32 != 0:
        config.operatorFee = words[5]
    if mask & 64 != 0:
        config.minBaseFee = words[6]
    if mask & 128 != 0:
        config.footprint = words[7]
    return config


@internal
@view
def _inputs(job: Job, epoch: L1Block) -> bytes32:
    """
    @notice The root of the inputs tree in which the block's attributes are the one leaf.
    """
    config: Config = job.config
    sequence: uint256 = job.sequence + 1
    if job.epoch != job.origin:
        config = self._updated(config, job.epoch)
        sequence = 0
    opening: bytes32 = self._opening(job.epoch, epoch, config, sequence)
    transactions: bytes32 = DataNames.link(job.transactions, opening)
    parameters: uint256 = config.feeParameters
    if parameters >> 32 == 0:
        parameters = self.settings.feeParameters
    root: bytes32 = keccak256(
        concat(
            convert(convert(job.timestamp + self.settings.blockTime, uint64), bytes8),
            epoch.prevRandao,
            convert(SEQUENCER_FEE_VAULT, bytes20),
            convert(convert(config.gasLimit, uint64), bytes8),
            epoch.beaconRoot,
            convert(convert(parameters, uint64), bytes8),
            convert(convert(config.minBaseFee if self.settings.isJovian else 0, uint64), bytes8),
            NO_BYTES,
            convert(convert(1 + job.deposited + job.count, uint32), bytes4),
            transactions,
            self.settings.rules,
        )
    )
    place: uint256 = (job.number + 1) % (1 << INPUTS_DEPTH)
    zeros: bytes32 = empty(bytes32)
    for level: uint256 in range(INPUTS_DEPTH):
        if (place >> level) & 1 == 1:
            root = keccak256(concat(zeros, root))
        else:
            root = keccak256(concat(root, zeros))
        zeros = keccak256(concat(zeros, zeros))
    return root


@internal
@view
def _opening(number: uint256, epoch: L1Block, config: Config, sequence: uint256) -> bytes32:
    """
    @notice The name of the L1-attributes transaction (specs, isthmus and jovian l1-attributes.md).
    """
    sourceHash: bytes32 = keccak256(
        concat(
            convert(1, bytes32),
            keccak256(concat(epoch.blockHash, convert(sequence, bytes32))),
        )
    )
    data: Bytes[178] = concat(
        x"098999be",
        convert(convert(config.scalars & (2**32 - 1), uint32), bytes4),
        convert(convert(config.scalars >> 32, uint32), bytes4),
        convert(convert(sequence, uint64), bytes8),
        convert(convert(epoch.timestamp, uint64), bytes8),
        convert(convert(number, uint64), bytes8),
        convert(epoch.baseFee, bytes32),
        convert(epoch.blobBaseFee, bytes32),
        epoch.blockHash,
        convert(config.batcher, bytes32),
        convert(convert(config.operatorFee, uint96), bytes12),
    )
    if self.settings.isJovian:
        footprint: uint256 = config.footprint
        if footprint == 0:
            footprint = DEFAULT_FOOTPRINT
        data = concat(
            x"3db6be2b",
            slice(data, 4, 172),
            convert(convert(footprint, uint16), bytes2),
        )
    return DataNames.nameOf(
        concat(
            x"7e",
            DataNames.sized(192, 84 + len(data)),
            x"a0",
            sourceHash,
            # Sender, recipient, no mint, no value, gas 1,000,000, no system transaction.
            x"94deaddeaddeaddeaddeaddeaddeaddeaddead0001",
            x"944200000000000000000000000000000000000015",
            x"8080830f424080",
            DataNames.sized(128, len(data)),
            data,
        ),
        0,
        0,
    )


# -- what is known --------------------------------------------------------------------------------


@external
@view
def inputsRoot(_agreed: bytes32) -> bytes32:
    """
    @notice The inputs root of the block behind an output root; zero while it is not proven.
    """
    return self.jobs[_agreed].inputsRoot


@external
@view
def inbox() -> address:
    """
    @notice The BatchInbox that is read.
    """
    return self.settings.inbox


@external
@view
def l1Blocks() -> address:
    """
    @notice Where blocks of L1 are recorded.
    """
    return self.settings.l1Blocks


@external
@view
def progress(_agreed: bytes32) -> (bool, uint256, uint256, uint256):
    """
    @notice Whether the search for a block's inputs is begun; the L1 origin of the block before; one
            more than the index of the item to look at next, or zero; whether it is found (1 a
            batch, 2 the empty one), and then its epoch in the second place.
    """
    job: Job = self.jobs[_agreed]
    origin: uint256 = job.origin
    if job.found != SEARCHING:
        origin = job.epoch
    return job.isBegun, origin, job.nextItem, job.found
