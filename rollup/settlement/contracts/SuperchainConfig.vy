# pragma version 0.4.3
# pragma evm-version cancun
"""
@title SuperchainConfig
@notice The guardian, and what it has paused.
@dev Interface of the OP Stack's SuperchainConfig (specs: protocol/stage-1.md). A pause concerns
     one rollup, named by its portal, or all of them under the zero address, and ends by itself: a
     guardian that loses its key cannot lock money up for ever.
"""

PAUSE_EXPIRY: constant(uint256) = 7_884_000

guardian: public(immutable(address))
# When a pause began, in seconds; 0 for none.
pauseTimestamps: public(HashMap[address, uint256])

event Paused:
    identifier: address

event Unpaused:
    identifier: address

event PauseExtended:
    identifier: address


@deploy
def __init__(_guardian: address):
    guardian = _guardian


@internal
@view
def _onlyGuardian():
    if msg.sender != guardian:
        raw_revert(method_id("SuperchainConfig_OnlyGuardian()"))


@internal
@view
def _paused(identifier: address) -> bool:
    since: uint256 = self.pauseTimestamps[identifier]
    return since != 0 and block.timestamp < since + PAUSE_EXPIRY


@external
def pause(_identifier: address):
    """
    @notice Pause the rollup of a portal, or everything under the zero address.
    """
    self._onlyGuardian()
    # Unpausing first keeps a guardian from holding a pause for ever by repeating it.
    if self.pauseTimestamps[_identifier] != 0:
        raw_revert(
            abi_encode(_identifier, method_id=method_id("SuperchainConfig_AlreadyPaused(address)"))
        )
    self.pauseTimestamps[_identifier] = block.timestamp
    log Paused(identifier=_identifier)


@external
def extend(_identifier: address):
    """
    @notice Let a pause begin anew.
    """
    self._onlyGuardian()
    if self.pauseTimestamps[_identifier] == 0:
        raw_revert(
            abi_encode(
                _identifier, method_id=method_id("SuperchainConfig_NotAlreadyPaused(address)")
            )
        )
    self.pauseTimestamps[_identifier] = block.timestamp
    log PauseExtended(identifier=_identifier)


@external
def unpause(_identifier: address):
    """
    @notice End a pause.
    """
    self._onlyGuardian()
    self.pauseTimestamps[_identifier] = 0
    log Unpaused(identifier=_identifier)


@external
@view
def paused(_identifier: address = empty(address)) -> bool:
    """
    @notice Whether the rollup of a portal is paused, by itself or with everything.
    """
    return self._paused(_identifier) or self._paused(empty(address))


@external
@view
def pausable(_identifier: address) -> bool:
    """
    @notice Whether a pause could begin.
    """
    return self.pauseTimestamps[_identifier] == 0


@external
@view
def expiration(_identifier: address) -> uint256:
    """
    @notice When a pause ends by itself; 0 while there is none.
    """
    since: uint256 = self.pauseTimestamps[_identifier]
    return 0 if since == 0 else since + PAUSE_EXPIRY


@external
@pure
def pauseExpiry() -> uint256:
    """
    @notice How long a pause lasts at most, in seconds.
    """
    return PAUSE_EXPIRY


@external
@pure
def version() -> String[8]:
    """
    @notice Version of the OP Stack contract whose interface this is.
    """
    return "2.4.0"
