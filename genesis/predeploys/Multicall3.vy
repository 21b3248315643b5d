# pragma version 0.4.3
# pragma evm-version prague
"""
@title Multicall3
@notice Many calls in one, with the interface that viem, ethers and web3 libraries use.
@dev A Vyper contract of our own behind the well-known ABI. Memory is fixed when it is compiled,
     hence bounds: at most 64 calls, 2 KiB of calldata and 2 KiB of answer for each. An answer
     that does not fit reverts; it is never cut.
"""

MAX_CALLS: constant(uint256) = 64
MAX_BYTES: constant(uint256) = 2048

struct Call:
    target: address
    callData: Bytes[MAX_BYTES]

struct Call3:
    target: address
    allowFailure: bool
    callData: Bytes[MAX_BYTES]

struct Call3Value:
    target: address
    allowFailure: bool
    value: uint256
    callData: Bytes[MAX_BYTES]

struct Result:
    success: bool
    returnData: Bytes[MAX_BYTES]


@internal
def _call(
    target: address, amount: uint256, callData: Bytes[MAX_BYTES], allowFailure: bool
) -> Result:
    success: bool = False
    # One byte more than fits, so that a longer answer shows.
    answer: Bytes[MAX_BYTES + 1] = b""
    success, answer = raw_call(
        target, callData, max_outsize=MAX_BYTES + 1, value=amount, revert_on_failure=False
    )
    assert success or allowFailure, "Multicall3: call failed"
    assert len(answer) <= MAX_BYTES, "Multicall3: answer too long"
    return Result(success=success, returnData=convert(answer, Bytes[MAX_BYTES]))


@external
@payable
def aggregate(calls: DynArray[Call, MAX_CALLS]) -> (uint256, DynArray[Bytes[MAX_BYTES], MAX_CALLS]):
    """
    @notice Make all calls; revert if one fails.
    @return The block number, and the answers.
    """
    answers: DynArray[Bytes[MAX_BYTES], MAX_CALLS] = []
    for item: Call in calls:
        result: Result = self._call(item.target, 0, item.callData, False)
        answers.append(result.returnData)
    return block.number, answers


@external
@payable
def tryAggregate(
    requireSuccess: bool, calls: DynArray[Call, MAX_CALLS]
) -> DynArray[Result, MAX_CALLS]:
    """
    @notice Make all calls; revert if one fails and success is required.
    """
    results: DynArray[Result, MAX_CALLS] = []
    for item: Call in calls:
        results.append(self._call(item.target, 0, item.callData, not requireSuccess))
    return results


@external
@payable
def tryBlockAndAggregate(
    requireSuccess: bool, calls: DynArray[Call, MAX_CALLS]
) -> (uint256, bytes32, DynArray[Result, MAX_CALLS]):
    """
    @notice tryAggregate with the block's number; the hash is that of a block still being made: 0.
    """
    results: DynArray[Result, MAX_CALLS] = []
    for item: Call in calls:
        results.append(self._call(item.target, 0, item.callData, not requireSuccess))
    return block.number, empty(bytes32), results


@external
@payable
def blockAndAggregate(
    calls: DynArray[Call, MAX_CALLS]
) -> (uint256, bytes32, DynArray[Result, MAX_CALLS]):
    """
    @notice tryBlockAndAggregate with success required.
    """
    results: DynArray[Result, MAX_CALLS] = []
    for item: Call in calls:
        results.append(self._call(item.target, 0, item.callData, False))
    return block.number, empty(bytes32), results


@external
@payable
def aggregate3(calls: DynArray[Call3, MAX_CALLS]) -> DynArray[Result, MAX_CALLS]:
    """
    @notice Make all calls; each says whether it may fail.
    """
    results: DynArray[Result, MAX_CALLS] = []
    for item: Call3 in calls:
        results.append(self._call(item.target, 0, item.callData, item.allowFailure))
    return results


@external
@payable
def aggregate3Value(calls: DynArray[Call3Value, MAX_CALLS]) -> DynArray[Result, MAX_CALLS]:
    """
    @notice aggregate3 with ether for each call; the sum must be what was sent.
    """
    results: DynArray[Result, MAX_CALLS] = []
    spent: uint256 = 0
    for item: Call3Value in calls:
        spent += item.value
        results.append(self._call(item.target, item.value, item.callData, item.allowFailure))
    assert msg.value == spent, "Multicall3: value mismatch"
    return results


@external
@view
def getBlockHash(blockNumber: uint256) -> bytes32:
    """
    @notice Hash of one of the last 256 blocks; 0 for any other.
    """
    if blockNumber >= block.number or blockNumber + 256 < block.number:
        return empty(bytes32)
    return blockhash(blockNumber)


@external
@view
def getBlockNumber() -> uint256:
    """
    @notice Number of this block.
    """
    return block.number


@external
@view
def getCurrentBlockCoinbase() -> address:
    """
    @notice Fee recipient of this block.
    """
    return block.coinbase


@external
@view
def getCurrentBlockDifficulty() -> uint256:
    """
    @notice The value that DIFFICULTY gives: prevRandao since the Merge.
    """
    return convert(block.prevrandao, uint256)


@external
@view
def getCurrentBlockGasLimit() -> uint256:
    """
    @notice Gas limit of this block.
    """
    return block.gaslimit


@external
@view
def getCurrentBlockTimestamp() -> uint256:
    """
    @notice Timestamp of this block, in seconds.
    """
    return block.timestamp


@external
@view
def getEthBalance(addr: address) -> uint256:
    """
    @notice Balance of an account, in wei.
    """
    return addr.balance


@external
@view
def getLastBlockHash() -> bytes32:
    """
    @notice Hash of the parent block.
    """
    return blockhash(block.number - 1)


@external
@view
def getBasefee() -> uint256:
    """
    @notice Base fee of this block, in wei per gas.
    """
    return block.basefee


@external
@view
def getChainId() -> uint256:
    """
    @notice Chain id.
    """
    return chain.id
