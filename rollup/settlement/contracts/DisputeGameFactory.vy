# pragma version 0.4.3
# pragma evm-version cancun
"""
@title DisputeGameFactory
@notice Makes a dispute game for a claim about the L2, at most one for each claim, and keeps the list.
@dev Interface of the OP Stack's DisputeGameFactory (specs: fault-proof/stage-one/
     dispute-game-interface.md). A game is a minimal proxy of the type's implementation, told
     of its claim when it is initialised.
"""

interface DisputeGame:
    def initialize(
        _creator: address, _rootClaim: bytes32, _l1Head: bytes32, _extraData: Bytes[MAX_EXTRA_DATA]
    ): payable
    def rootClaim() -> bytes32: view
    def extraData() -> Bytes[MAX_EXTRA_DATA]: view

struct GameSearchResult:
    index: uint256
    metadata: bytes32
    timestamp: uint64
    rootClaim: bytes32
    extraData: Bytes[MAX_EXTRA_DATA]

MAX_EXTRA_DATA: constant(uint256) = 256
MAX_RESULTS: constant(uint256) = 128
# How many games one search looks at before it gives up.
MAX_SEARCH: constant(uint256) = 4096
MAX_GAMES: constant(uint256) = 2**32

owner: public(address)
gameImpls: public(HashMap[uint32, address])
initBonds: public(HashMap[uint32, uint256])
# game id: type (bits 224..255), timestamp (160..223), address (0..159)
gamesByUuid: HashMap[bytes32, uint256]
gameList: HashMap[uint256, uint256]
gameCount: public(uint256)

event DisputeGameCreated:
    disputeProxy: indexed(address)
    gameType: indexed(uint32)
    rootClaim: indexed(bytes32)

event ImplementationSet:
    impl: indexed(address)
    gameType: indexed(uint32)

event InitBondUpdated:
    gameType: indexed(uint32)
    newBond: indexed(uint256)

event OwnershipTransferred:
    previousOwner: indexed(address)
    newOwner: indexed(address)


@deploy
def __init__(_owner: address, _gameType: uint32, _implementation: address, _initBond: uint256):
    self.owner = _owner
    log OwnershipTransferred(previousOwner=empty(address), newOwner=_owner)
    self._setImplementation(_gameType, _implementation)
    self._setInitBond(_gameType, _initBond)


@internal
@view
def _onlyOwner():
    assert msg.sender == self.owner, "Ownable: caller is not the owner"


@internal
def _setImplementation(gameType: uint32, implementation: address):
    self.gameImpls[gameType] = implementation
    log ImplementationSet(impl=implementation, gameType=gameType)


@internal
def _setInitBond(gameType: uint32, initBond: uint256):
    self.initBonds[gameType] = initBond
    log InitBondUpdated(gameType=gameType, newBond=initBond)


@internal
@pure
def _uuid(gameType: uint32, rootClaim: bytes32, extraData: Bytes[MAX_EXTRA_DATA]) -> bytes32:
    return keccak256(abi_encode(gameType, rootClaim, extraData))


@internal
@pure
def _unpack(gameId: uint256) -> (uint32, uint64, address):
    return (
        convert(gameId >> 224, uint32),
        convert((gameId >> 160) & (2**64 - 1), uint64),
        convert(gameId & (2**160 - 1), address),
    )


@external
@payable
def create(_gameType: uint32, _rootClaim: bytes32, _extraData: Bytes[MAX_EXTRA_DATA]) -> address:
    """
    @notice Make the game for a claim. The bond of its root claim has to come along.
    @param _gameType Type of game.
    @param _rootClaim The claim: an output root.
    @param _extraData What else the game has to know: the L2 block number, ABI-encoded.
    """
    implementation: address = self.gameImpls[_gameType]
    if implementation == empty(address):
        raw_revert(abi_encode(_gameType, method_id=method_id("NoImplementation(uint32)")))
    if msg.value != self.initBonds[_gameType]:
        raw_revert(method_id("IncorrectBondAmount()"))
    uuid: bytes32 = self._uuid(_gameType, _rootClaim, _extraData)
    if self.gamesByUuid[uuid] != 0:
        raw_revert(abi_encode(uuid, method_id=method_id("GameAlreadyExists(bytes32)")))
    game: address = create_minimal_proxy_to(implementation, salt=uuid)
    extcall DisputeGame(game).initialize(
        msg.sender, _rootClaim, blockhash(block.number - 1), _extraData, value=msg.value
    )
    gameId: uint256 = (
        (convert(_gameType, uint256) << 224)
        | (block.timestamp << 160)
        | convert(game, uint256)
    )
    self.gamesByUuid[uuid] = gameId
    self.gameList[self.gameCount] = gameId
    self.gameCount += 1
    log DisputeGameCreated(disputeProxy=game, gameType=_gameType, rootClaim=_rootClaim)
    return game


@external
def setImplementation(_gameType: uint32, _impl: address):
    """
    @notice Set the code of future games of a type; the zero address closes the type.
    """
    self._onlyOwner()
    self._setImplementation(_gameType, _impl)


@external
def setInitBond(_gameType: uint32, _initBond: uint256):
    """
    @notice Set the bond of future root claims of a type, in wei.
    """
    self._onlyOwner()
    self._setInitBond(_gameType, _initBond)


@external
def transferOwnership(newOwner: address):
    """
    @notice Give the factory to another owner.
    """
    self._onlyOwner()
    assert newOwner != empty(address), "Ownable: new owner is the zero address"
    log OwnershipTransferred(previousOwner=self.owner, newOwner=newOwner)
    self.owner = newOwner


@external
def renounceOwnership():
    """
    @notice Leave the factory as it is for ever.
    """
    self._onlyOwner()
    log OwnershipTransferred(previousOwner=self.owner, newOwner=empty(address))
    self.owner = empty(address)


@external
@view
def games(
    _gameType: uint32, _rootClaim: bytes32, _extraData: Bytes[MAX_EXTRA_DATA]
) -> (address, uint64):
    """
    @notice The game for a claim and its time; zeros for none.
    """
    gameType: uint32 = 0
    timestamp: uint64 = 0
    game: address = empty(address)
    gameType, timestamp, game = self._unpack(
        self.gamesByUuid[self._uuid(_gameType, _rootClaim, _extraData)]
    )
    return game, timestamp


@external
@view
def gameAtIndex(_index: uint256) -> (uint32, uint64, address):
    """
    @notice Type, time and address of the game with that index.
    """
    assert _index < self.gameCount, "DisputeGameFactory: no game has this index"
    return self._unpack(self.gameList[_index])


@external
@pure
def getGameUUID(
    _gameType: uint32, _rootClaim: bytes32, _extraData: Bytes[MAX_EXTRA_DATA]
) -> bytes32:
    """
    @notice The name under which a claim can have one game.
    """
    return self._uuid(_gameType, _rootClaim, _extraData)


@external
@view
def findLatestGames(
    _gameType: uint32, _start: uint256, _n: uint256
) -> DynArray[GameSearchResult, MAX_RESULTS]:
    """
    @notice Up to `_n` games of a type, newest first, from index `_start` downwards; at most 128,
            among the 4,096 games from there.
    """
    found: DynArray[GameSearchResult, MAX_RESULTS] = []
    wanted: uint256 = min(_n, MAX_RESULTS)
    if _start >= self.gameCount or wanted == 0:
        return found
    index: uint256 = _start
    for _: uint256 in range(MAX_SEARCH):
        gameId: uint256 = self.gameList[index]
        if convert(gameId >> 224, uint32) == _gameType:
            game: DisputeGame = DisputeGame(convert(gameId & (2**160 - 1), address))
            found.append(
                GameSearchResult(
                    index=index,
                    metadata=convert(gameId, bytes32),
                    timestamp=convert((gameId >> 160) & (2**64 - 1), uint64),
                    rootClaim=staticcall game.rootClaim(),
                    extraData=staticcall game.extraData(),
                )
            )
            if len(found) == wanted:
                break
        if index == 0:
            break
        index -= 1
    return found


@external
@pure
def version() -> String[8]:
    """
    @notice Version of the OP Stack contract whose interface this is.
    """
    return "1.2.0"
