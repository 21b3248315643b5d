# pragma version 0.4.3
# pragma evm-version cancun
"""
@title HeaderStep
@notice The last two steps of a block: its header's hash; its output root, and whether that is the
        disputed one.
@dev The twin of `_seal` and `_judge` in evm/step/block_end.py for L2 blocks, which ask for nothing
     (EIP-7685). OP specs isthmus/exec-engine.md, protocol/proposals.md.
"""

import rollup.settlement.contracts.step.modules.Blocks as Blocks
import rollup.settlement.contracts.step.modules.Context as Context
import rollup.settlement.contracts.step.modules.Encoding as Encoding
import rollup.settlement.contracts.step.modules.HeaderRules as HeaderRules
import rollup.settlement.contracts.step.modules.Ledger as Ledger
import rollup.settlement.contracts.step.modules.Refusals as Refusals
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.TrieLookup as TrieLookup

MAX_WITNESS: constant(uint256) = 49152
BLOOM_BYTES: constant(uint256) = 256
BLOOM_ITEM: constant(uint256) = 259
NO_BYTES: constant(bytes32) = keccak256(b"")
# Of no ommers, and of no requests (SHA-256 of nothing).
OMMERS: constant(bytes32) = keccak256(x"c0")
NO_REQUESTS: constant(bytes32) = 0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
# Keccak-256 of 0x4200000000000000000000000000000000000016
MESSAGE_PASSER: constant(bytes32) = keccak256(x"4200000000000000000000000000000000000016")
# An account has the list's header of two bytes, the second being its size, and ends with storage
# root and code hash, each behind 0xa0.
ACCOUNT_HEAD: constant(uint256) = 63488  # 0xf800
HASH: constant(uint256) = 160
ACCOUNT_TAIL: constant(uint256) = 66
LEAST_ACCOUNT: constant(uint256) = 70
# Of a header's encoding, either half.
HALF: constant(uint256) = 512


struct Surroundings:
    surrounding: Context.Block
    rest: Blocks.BlockRest
    transaction: bytes32
    cursor: uint256


@internal
@view
def _surroundings(context: bytes32, start: uint256) -> Surroundings:
    found: Surroundings = empty(Surroundings)
    blockName: bytes32 = empty(bytes32)
    found.cursor = start
    blockName, found.transaction = Tape.pair(found.cursor, context)
    found.cursor += Tape.PAIR
    found.surrounding = Context.openBlock(found.cursor, blockName)
    found.cursor += Context.BLOCK_ITEM
    found.rest = Blocks.openBlockRest(found.cursor, found.surrounding.rest)
    found.cursor += Blocks.BLOCK_REST_ITEM
    return found


@internal
@view
def _passerRoot(start: uint256, stateRoot: bytes32) -> (bytes32, uint256):
    """
    @notice The storage root of the message passer.
    """
    found: TrieLookup.Found = TrieLookup.find(start, stateRoot, MESSAGE_PASSER)
    if not found.isFound:
        return TrieLookup.EMPTY_ROOT, found.cursor
    size: uint256 = len(found.value)
    assert size >= LEAST_ACCOUNT, "HeaderStep: not an account"
    assert (
        convert(slice(found.value, 0, 2), uint256) == ACCOUNT_HEAD + size - 2
        and convert(slice(found.value, size - ACCOUNT_TAIL, 1), uint256) == HASH
        and convert(slice(found.value, size - ACCOUNT_TAIL // 2, 1), uint256) == HASH
    ), "HeaderStep: not an account"
    return extract32(found.value, size - ACCOUNT_TAIL + 1), found.cursor


@internal
@view
def _bloom(start: uint256, wanted: bytes32) -> (Bytes[BLOOM_BYTES], uint256):
    if wanted == empty(bytes32):
        zeros: bytes32 = empty(bytes32)
        return concat(zeros, zeros, zeros, zeros, zeros, zeros, zeros, zeros), start
    item: Bytes[BLOOM_ITEM] = slice(msg.data, start, BLOOM_ITEM)
    bloom: Bytes[BLOOM_BYTES] = slice(item, 3, BLOOM_BYTES)
    Tape.expect(
        keccak256(bloom) == wanted and convert(slice(item, 0, 3), uint256) == BLOOM_BYTES
    )
    return bloom, start + BLOOM_ITEM


@internal
@view
def _noRequests(start: uint256, progress: Ledger.Progress) -> uint256:
    """
    @notice Open the requests of the block, of which an L2 has none: twice no bytes.
    """
    Tape.expect(progress.depositRequests == NO_BYTES and progress.requests == NO_BYTES)
    Tape.expect(convert(slice(msg.data, start, 2 * Tape.HEAD), uint256) == 0)
    return start + 2 * Tape.HEAD


@internal
@pure
def _string(data: Bytes[17]) -> Bytes[18]:
    # Of no bytes, nine or seventeen.
    return concat(convert(convert(128 + len(data), uint8), bytes1), data)


@internal
@pure
def _roots(found: Surroundings, work: Ledger.Sealing, bloom: Bytes[BLOOM_BYTES]) -> Bytes[HALF]:
    # Parent, ommers, who gets the tips, the three roots, bloom.
    return concat(
        0xa0,
        found.rest.parentHash,
        0xa0,
        OMMERS,
        0x94,
        convert(convert(found.surrounding.coinbase, uint160), bytes20),
        0xa0,
        work.stateRoot,
        0xa0,
        work.transactionsRoot,
        0xa0,
        work.receiptsRoot,
        0xb90100,
        bloom,
    )


@internal
@pure
def _fields(
    found: Surroundings,
    rules: Blocks.ChainRules,
    attributes: Blocks.Attributes,
    progress: Ledger.Progress,
    withdrawals: bytes32,
) -> Bytes[HALF]:
    # Difficulty 0, number, gas, time, extra data, randomness, nonce 0, fees and what came since.
    nonce: bytes8 = empty(bytes8)
    upToTime: Bytes[133] = concat(
        0x80,
        Encoding.integer(found.surrounding.number),
        Encoding.integer(found.surrounding.gasLimit),
        Encoding.integer(progress.gasUsed),
        Encoding.integer(found.surrounding.timestamp),
    )
    upToFee: Bytes[93] = concat(
        self._string(HeaderRules.extraData(rules, attributes)),
        0xa0,
        convert(found.surrounding.prevRandao, bytes32),
        0x88,
        nonce,
        Encoding.integer(found.surrounding.baseFee),
    )
    upToBeacon: Bytes[132] = concat(
        0xa0,
        withdrawals,
        Encoding.integer(progress.blobGasUsed + progress.daFootprint),
        Encoding.integer(found.rest.excessBlobGas),
        0xa0,
        attributes.beaconRoot,
    )
    if rules.has & Blocks.REQUESTS == 0:
        return concat(upToTime, upToFee, upToBeacon)
    return concat(upToTime, upToFee, upToBeacon, 0xa0, NO_REQUESTS)


@internal
@pure
def _hash(roots: Bytes[HALF], fields: Bytes[HALF]) -> bytes32:
    # The bloom alone has 256 bytes, so the list's size has two.
    size: bytes2 = convert(convert(len(roots) + len(fields), uint16), bytes2)
    return keccak256(concat(0xf9, size, roots, fields))


@internal
@view
def _seal(
    given: State.Machine, work: Ledger.Sealing, start: uint256
) -> (State.Machine, uint256):
    """
    @notice The header, and its hash.
    """
    found: Surroundings = self._surroundings(given.context, start)
    cursor: uint256 = found.cursor
    current: Context.Transaction = Context.openTransaction(cursor, found.transaction)
    cursor += Context.TRANSACTION_ITEM
    progress: Ledger.Progress = Ledger.openProgress(cursor, current.rest)
    cursor += Ledger.PROGRESS_ITEM
    rules: Blocks.ChainRules = Blocks.openChainRules(cursor, found.rest.rules)
    cursor += Blocks.CHAIN_RULES_ITEM
    assert rules.has & Blocks.OPTIMISM != 0, "HeaderStep: not a block of an L2"
    attributes: Blocks.Attributes = Blocks.openAttributes(cursor, found.rest.attributes)
    cursor += Blocks.ATTRIBUTES_ITEM
    withdrawals: bytes32 = TrieLookup.EMPTY_ROOT
    if rules.has & Blocks.MESSAGE_PASSER_ROOT != 0:
        withdrawals, cursor = self._passerRoot(cursor, work.stateRoot)
    # What the block's phases know is opened again for the header.
    found.rest = Blocks.openBlockRest(cursor, found.surrounding.rest)
    cursor += Blocks.BLOCK_REST_ITEM
    bloom: Bytes[BLOOM_BYTES] = b""
    bloom, cursor = self._bloom(cursor, progress.bloom)
    cursor = self._noRequests(cursor, progress)
    sealed: Ledger.Sealing = work
    sealed.stage = Ledger.OUTPUT
    sealed.headerHash = self._hash(
        self._roots(found, work, bloom),
        self._fields(found, rules, attributes, progress, withdrawals),
    )
    machine: State.Machine = given
    machine.pending = Ledger.nameSealing(sealed)
    return machine, cursor


@internal
@view
def _judge(
    given: State.Machine, work: Ledger.Sealing, start: uint256
) -> (State.Machine, uint256):
    """
    @notice The output root, and whether it is the disputed one.
    """
    found: Surroundings = self._surroundings(given.context, start)
    claim: Blocks.Claim = Blocks.openClaim(found.cursor, found.rest.claim)
    passerRoot: bytes32 = empty(bytes32)
    cursor: uint256 = 0
    passerRoot, cursor = self._passerRoot(found.cursor + Blocks.CLAIM_ITEM, work.stateRoot)
    root: bytes32 = keccak256(
        concat(empty(bytes32), work.stateRoot, passerRoot, work.headerHash)
    )
    phase: uint256 = State.VALID if root == claim.disputed else State.INVALID
    return Refusals.finish(phase, root), cursor


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    assert machine.phase == State.BLOCK_END, "HeaderStep: not a state of phase block end"
    work: Ledger.Sealing = Ledger.openSealing(cursor, machine.pending)
    cursor += Ledger.SEALING_ITEM
    if work.stage == Ledger.HEADER:
        machine, cursor = self._seal(machine, work, cursor)
    else:
        assert work.stage == Ledger.OUTPUT, "HeaderStep: not a state of its stages"
        machine, cursor = self._judge(machine, work, cursor)
    Tape.finish(cursor)
    return State.commitment(machine)
