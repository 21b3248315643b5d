# pragma version 0.4.3
# pragma evm-version cancun
"""
@title AnchorStateRegistry
@notice Which games count: registered, respected, not struck out, resolved, old enough. Keeps the
        newest output root that such a game has settled, from which new games start.
@dev Interface of the OP Stack's AnchorStateRegistry (specs: fault-proof/stage-one/
     anchor-state-registry.md).
"""

interface DisputeGame:
    def gameType() -> uint32: view
    def rootClaim() -> bytes32: view
    def extraData() -> Bytes[256]: view
    def createdAt() -> uint64: view
    def resolvedAt() -> uint64: view
    def status() -> uint8: view
    def l2SequenceNumber() -> uint256: view
    def anchorStateRegistry() -> address: view
    def wasRespectedGameTypeWhenCreated() -> bool: view

interface DisputeGameFactory:
    def games(
        _gameType: uint32, _rootClaim: bytes32, _extraData: Bytes[256]
    ) -> (address, uint64): view

interface SystemConfig:
    def guardian() -> address: view
    def paused() -> bool: view
    def superchainConfig() -> address: view

IN_PROGRESS: constant(uint8) = 0
DEFENDER_WINS: constant(uint8) = 2

systemConfig: public(immutable(address))
disputeGameFactory: public(immutable(address))
FINALITY_DELAY_SECONDS: immutable(uint256)
STARTING_ROOT: immutable(bytes32)
STARTING_NUMBER: immutable(uint256)

anchorGame: public(address)
respectedGameType: public(uint32)
retirementTimestamp: public(uint64)
disputeGameBlacklist: public(HashMap[address, bool])

event AnchorUpdated:
    game: indexed(address)

event DisputeGameBlacklisted:
    disputeGame: indexed(address)

event RespectedGameTypeSet:
    gameType: uint32

event RetirementTimestampSet:
    timestamp: uint256


@deploy
def __init__(
    _systemConfig: address,
    _disputeGameFactory: address,
    _startingRoot: bytes32,
    _startingNumber: uint256,
    _respectedGameType: uint32,
    _finalityDelaySeconds: uint256,
):
    systemConfig = _systemConfig
    disputeGameFactory = _disputeGameFactory
    STARTING_ROOT = _startingRoot
    STARTING_NUMBER = _startingNumber
    FINALITY_DELAY_SECONDS = _finalityDelaySeconds
    self.respectedGameType = _respectedGameType
    # Games of this second and before are retired; none can be that old.
    self.retirementTimestamp = convert(block.timestamp, uint64)
    log RespectedGameTypeSet(gameType=_respectedGameType)


@internal
@view
def _onlyGuardian():
    if msg.sender != staticcall SystemConfig(systemConfig).guardian():
        raw_revert(method_id("AnchorStateRegistry_Unauthorized()"))


@internal
@view
def _paused() -> bool:
    return staticcall SystemConfig(systemConfig).paused()


@internal
@view
def _isRegistered(game: address) -> bool:
    registered: address = empty(address)
    timestamp: uint64 = 0
    registered, timestamp = staticcall DisputeGameFactory(disputeGameFactory).games(
        staticcall DisputeGame(game).gameType(),
        staticcall DisputeGame(game).rootClaim(),
        staticcall DisputeGame(game).extraData(),
    )
    return (
        registered == game and staticcall DisputeGame(game).anchorStateRegistry() == self
    )


@internal
@view
def _isRetired(game: address) -> bool:
    return staticcall DisputeGame(game).createdAt() <= self.retirementTimestamp


@internal
@view
def _isProper(game: address) -> bool:
    return (
        self._isRegistered(game)
        and not self.disputeGameBlacklist[game]
        and not self._isRetired(game)
        and not self._paused()
    )


@internal
@view
def _isResolved(game: address) -> bool:
    return (
        staticcall DisputeGame(game).resolvedAt() != 0
        and staticcall DisputeGame(game).status() != IN_PROGRESS
    )


@internal
@view
def _isFinalized(game: address) -> bool:
    if not self._isResolved(game):
        return False
    resolvedAt: uint256 = convert(staticcall DisputeGame(game).resolvedAt(), uint256)
    return block.timestamp - resolvedAt > FINALITY_DELAY_SECONDS


@internal
@view
def _isClaimValid(game: address) -> bool:
    return (
        self._isProper(game)
        and staticcall DisputeGame(game).wasRespectedGameTypeWhenCreated()
        and self._isFinalized(game)
        and staticcall DisputeGame(game).status() == DEFENDER_WINS
    )


@internal
@view
def _anchor() -> (bytes32, uint256):
    game: address = self.anchorGame
    if game == empty(address):
        return STARTING_ROOT, STARTING_NUMBER
    return (
        staticcall DisputeGame(game).rootClaim(), staticcall DisputeGame(game).l2SequenceNumber()
    )


@external
def setAnchorState(_game: address):
    """
    @notice Take a valid game about a higher block as the new anchor; anyone may call.
    """
    if not self._isClaimValid(_game):
        raw_revert(method_id("AnchorStateRegistry_InvalidAnchorGame()"))
    root: bytes32 = empty(bytes32)
    number: uint256 = 0
    root, number = self._anchor()
    if staticcall DisputeGame(_game).l2SequenceNumber() <= number:
        raw_revert(method_id("AnchorStateRegistry_InvalidAnchorGame()"))
    self.anchorGame = _game
    log AnchorUpdated(game=_game)


@external
def setRespectedGameType(_gameType: uint32):
    """
    @notice Guardian: withdrawals may be proven against this type of game from now on.
    """
    self._onlyGuardian()
    self.respectedGameType = _gameType
    log RespectedGameTypeSet(gameType=_gameType)


@external
def updateRetirementTimestamp():
    """
    @notice Guardian: retire all games up to now.
    """
    self._onlyGuardian()
    self.retirementTimestamp = convert(block.timestamp, uint64)
    log RetirementTimestampSet(timestamp=block.timestamp)


@external
def blacklistDisputeGame(_disputeGame: address):
    """
    @notice Guardian: strike out one game.
    """
    self._onlyGuardian()
    self.disputeGameBlacklist[_disputeGame] = True
    log DisputeGameBlacklisted(disputeGame=_disputeGame)


@external
@view
def isGameRegistered(_game: address) -> bool:
    """
    @notice Whether the factory made the game, and it answers to this registry.
    """
    return self._isRegistered(_game)


@external
@view
def isGameRespected(_game: address) -> bool:
    """
    @notice Whether the game's type was respected when it began.
    """
    return staticcall DisputeGame(_game).wasRespectedGameTypeWhenCreated()


@external
@view
def isGameBlacklisted(_game: address) -> bool:
    """
    @notice Whether the guardian has struck out the game.
    """
    return self.disputeGameBlacklist[_game]


@external
@view
def isGameRetired(_game: address) -> bool:
    """
    @notice Whether the game is too old to count.
    """
    return self._isRetired(_game)


@external
@view
def isGameProper(_game: address) -> bool:
    """
    @notice Registered, not struck out, not retired, and nothing is paused.
    """
    return self._isProper(_game)


@external
@view
def isGameResolved(_game: address) -> bool:
    """
    @notice Whether the game has ended.
    """
    return self._isResolved(_game)


@external
@view
def isGameFinalized(_game: address) -> bool:
    """
    @notice Whether the game ended longer than the delay ago.
    """
    return self._isFinalized(_game)


@external
@view
def isGameClaimValid(_game: address) -> bool:
    """
    @notice Whether the game's root claim may be believed: proper, respected, finalized, defended.
    """
    return self._isClaimValid(_game)


@external
@view
def getAnchorRoot() -> (bytes32, uint256):
    """
    @notice The output root from which new games start, and its L2 block number.
    """
    return self._anchor()


@external
@view
def anchors(_gameType: uint32) -> (bytes32, uint256):
    """
    @notice getAnchorRoot, by its older name; the same for every type of game.
    """
    return self._anchor()


@external
@view
def getStartingAnchorRoot() -> (bytes32, uint256):
    """
    @notice The output root of the L2's genesis block.
    """
    return STARTING_ROOT, STARTING_NUMBER


@external
@view
def paused() -> bool:
    """
    @notice Whether the guardian has paused.
    """
    return self._paused()


@external
@view
def disputeGameFinalityDelaySeconds() -> uint256:
    """
    @notice How long a resolved game waits before it counts.
    """
    return FINALITY_DELAY_SECONDS


@external
@view
def superchainConfig() -> address:
    """
    @notice The keeper of the guardian and of pauses.
    """
    return staticcall SystemConfig(systemConfig).superchainConfig()


@external
@pure
def version() -> String[8]:
    """
    @notice Version of the OP Stack contract whose interface this is.
    """
    return "3.5.0"
