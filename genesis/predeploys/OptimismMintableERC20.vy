# pragma version 0.4.3
# pragma evm-version cancun
"""
@title OptimismMintableERC20
@notice The twin of a token of the other layer: the bridge mints it on arrival and burns it on the
        way back.
@dev Interface of the OP Stack's OptimismMintableERC20, an ERC-20 with EIP-2612 permits. It is
     stored as a blueprint (ERC-5202), from which the factory makes tokens.
"""

MAX_NAME: constant(uint256) = 128
MAX_SYMBOL: constant(uint256) = 64
DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
PERMIT_TYPE: constant(bytes32) = keccak256(
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
# secp256k1n / 2: signatures above have a twin below.
MAX_S: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)

bridge: public(immutable(address))
remoteToken: public(immutable(address))
name: public(immutable(String[MAX_NAME]))
symbol: public(immutable(String[MAX_SYMBOL]))
decimals: public(immutable(uint8))

totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
nonces: public(HashMap[address, uint256])

event Transfer:
    # `from` in ERC-20; a keyword here.
    sender: indexed(address)
    to: indexed(address)
    value: uint256

event Approval:
    owner: indexed(address)
    spender: indexed(address)
    value: uint256

event Mint:
    account: indexed(address)
    amount: uint256

event Burn:
    account: indexed(address)
    amount: uint256


@deploy
def __init__(
    _bridge: address,
    _remoteToken: address,
    _name: String[MAX_NAME],
    _symbol: String[MAX_SYMBOL],
    _decimals: uint8,
):
    bridge = _bridge
    remoteToken = _remoteToken
    name = _name
    symbol = _symbol
    decimals = _decimals


@internal
@view
def _onlyBridge():
    assert msg.sender == bridge, "OptimismMintableERC20: only bridge can mint and burn"


@internal
def _transfer(sender: address, to: address, amount: uint256):
    assert to != empty(address), "ERC20: transfer to the zero address"
    assert self.balanceOf[sender] >= amount, "ERC20: transfer amount exceeds balance"
    self.balanceOf[sender] -= amount
    self.balanceOf[to] += amount
    log Transfer(sender=sender, to=to, value=amount)


@internal
def _approve(owner: address, spender: address, amount: uint256):
    assert spender != empty(address), "ERC20: approve to the zero address"
    self.allowance[owner][spender] = amount
    log Approval(owner=owner, spender=spender, value=amount)


@external
def mint(_to: address, _amount: uint256):
    """
    @notice Bridge: make tokens.
    """
    self._onlyBridge()
    assert _to != empty(address), "ERC20: mint to the zero address"
    self.totalSupply += _amount
    self.balanceOf[_to] += _amount
    log Transfer(sender=empty(address), to=_to, value=_amount)
    log Mint(account=_to, amount=_amount)


@external
def burn(_from: address, _amount: uint256):
    """
    @notice Bridge: destroy tokens.
    """
    self._onlyBridge()
    assert self.balanceOf[_from] >= _amount, "ERC20: burn amount exceeds balance"
    self.balanceOf[_from] -= _amount
    self.totalSupply -= _amount
    log Transfer(sender=_from, to=empty(address), value=_amount)
    log Burn(account=_from, amount=_amount)


@external
def transfer(to: address, amount: uint256) -> bool:
    """
    @notice Move part of the caller's balance.
    """
    self._transfer(msg.sender, to, amount)
    return True


@external
def transferFrom(sender: address, to: address, amount: uint256) -> bool:
    """
    @notice Move part of another account's balance, as it has allowed.
    """
    allowed: uint256 = self.allowance[sender][msg.sender]
    if allowed != max_value(uint256):
        assert allowed >= amount, "ERC20: insufficient allowance"
        self._approve(sender, msg.sender, allowed - amount)
    self._transfer(sender, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice Let `spender` move up to `amount` of the caller's balance.
    """
    self._approve(msg.sender, spender, amount)
    return True


@internal
@view
def _domainSeparator() -> bytes32:
    return keccak256(
        abi_encode(DOMAIN_TYPE, keccak256(name), keccak256("1"), chain.id, self)
    )


@external
def permit(
    owner: address,
    spender: address,
    amount: uint256,
    deadline: uint256,
    v: uint8,
    r: bytes32,
    s: bytes32,
):
    """
    @notice approve, by a signature of the owner (EIP-2612).
    """
    assert block.timestamp <= deadline, "ERC20Permit: expired deadline"
    nonce: uint256 = self.nonces[owner]
    self.nonces[owner] = nonce + 1
    content: bytes32 = keccak256(abi_encode(PERMIT_TYPE, owner, spender, amount, nonce, deadline))
    digest: bytes32 = keccak256(concat(x"1901", self._domainSeparator(), content))
    assert convert(s, uint256) <= MAX_S, "ECDSA: invalid signature 's' value"
    signer: address = ecrecover(digest, v, r, s)
    assert signer != empty(address) and signer == owner, "ERC20Permit: invalid signature"
    self._approve(owner, spender, amount)


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    """
    @notice Hash of the EIP-712 domain.
    """
    return self._domainSeparator()


@external
@view
def l1Token() -> address:
    """
    @notice remoteToken, by its older name.
    """
    return remoteToken


@external
@view
def REMOTE_TOKEN() -> address:
    """
    @notice remoteToken, by another name.
    """
    return remoteToken


@external
@view
def l2Bridge() -> address:
    """
    @notice bridge, by its older name.
    """
    return bridge


@external
@view
def BRIDGE() -> address:
    """
    @notice bridge, by another name.
    """
    return bridge


@external
@pure
def supportsInterface(_interfaceId: bytes4) -> bool:
    """
    @notice ERC-165: itself, the mintable token, and the mintable token under its older names.
    """
    return _interfaceId in [0x01ffc9a7, 0xec4fc8e3, 0x1d1d8b63]


@external
@pure
def version() -> String[8]:
    """
    @notice Version of the OP Stack contract whose interface this is.
    """
    return "1.4.0"
