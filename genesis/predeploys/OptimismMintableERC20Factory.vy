# pragma version 0.4.3
# pragma evm-version cancun
"""
@title OptimismMintableERC20Factory
@notice Makes the twin of a token of the other layer, for the bridge beside it.
@dev Interface of the OP Stack's OptimismMintableERC20Factory. Its own constructor serves on L1;
     on L2 genesis writes the two addresses. The token's address follows from remote token, name,
     symbol and decimals (CREATE2).
"""

MAX_NAME: constant(uint256) = 128
MAX_SYMBOL: constant(uint256) = 64
DEFAULT_DECIMALS: constant(uint8) = 18
BLUEPRINT_PREAMBLE: constant(uint256) = 3

bridge: public(address)
blueprint: public(address)
# Remote token of each token made here.
deployments: public(HashMap[address, address])

event StandardL2TokenCreated:
    remoteToken: indexed(address)
    localToken: indexed(address)

event OptimismMintableERC20Created:
    localToken: indexed(address)
    remoteToken: indexed(address)
    deployer: address


@deploy
def __init__(_bridge: address, _blueprint: address):
    self.bridge = _bridge
    self.blueprint = _blueprint


@internal
def _create(
    remoteToken: address, name: String[MAX_NAME], symbol: String[MAX_SYMBOL], decimals: uint8
) -> address:
    assert (
        remoteToken != empty(address)
    ), "OptimismMintableERC20Factory: must provide remote token address"
    salt: bytes32 = keccak256(abi_encode(remoteToken, name, symbol, decimals))
    token: address = create_from_blueprint(
        self.blueprint,
        self.bridge,
        remoteToken,
        name,
        symbol,
        decimals,
        salt=salt,
        code_offset=BLUEPRINT_PREAMBLE,
    )
    self.deployments[token] = remoteToken
    log StandardL2TokenCreated(remoteToken=remoteToken, localToken=token)
    log OptimismMintableERC20Created(
        localToken=token, remoteToken=remoteToken, deployer=msg.sender
    )
    return token


@external
def createStandardL2Token(
    _remoteToken: address, _name: String[MAX_NAME], _symbol: String[MAX_SYMBOL]
) -> address:
    """
    @notice createOptimismMintableERC20, by its older name.
    """
    return self._create(_remoteToken, _name, _symbol, DEFAULT_DECIMALS)


@external
def createOptimismMintableERC20(
    _remoteToken: address, _name: String[MAX_NAME], _symbol: String[MAX_SYMBOL]
) -> address:
    """
    @notice Make the twin of a token with 18 decimals.
    """
    return self._create(_remoteToken, _name, _symbol, DEFAULT_DECIMALS)


@external
def createOptimismMintableERC20WithDecimals(
    _remoteToken: address, _name: String[MAX_NAME], _symbol: String[MAX_SYMBOL], _decimals: uint8
) -> address:
    """
    @notice Make the twin of a token.
    """
    return self._create(_remoteToken, _name, _symbol, _decimals)


@external
@view
def BRIDGE() -> address:
    """
    @notice bridge, by its older name.
    """
    return self.bridge


@external
@pure
def version() -> String[8]:
    """
    @notice Version of the OP Stack contract whose interface this is.
    """
    return "1.10.0"
