# pragma version 0.4.3
# pragma evm-version prague
"""
@title FeeVault
@notice Collects one kind of fee and pays it out, on L2, to a recipient fixed in genesis.
@dev One source for the sequencer, base, L1 and operator fee vaults. Genesis writes slots 1 and 2.
"""

WITHDRAW_TO_L2: constant(uint8) = 1

# slot 0
totalProcessed: public(uint256)
# slot 1
minWithdrawalAmount: public(uint256)
# slot 2
recipient: public(address)

event Withdrawal:
    value: uint256
    to: address
    sender: address
    withdrawalNetwork: uint8


@external
@payable
def __default__():
    """
    @notice Accepts ether.
    """
    assert len(msg.data) == 0


@external
def withdraw() -> uint256:
    """
    @notice Pay everything to the recipient; anyone may call.
    @return The amount paid, in wei.
    """
    amount: uint256 = self.balance
    assert (
        amount >= self.minWithdrawalAmount
    ), "FeeVault: withdrawal amount must be greater than minimum withdrawal amount"
    to: address = self.recipient
    self.totalProcessed += amount
    log Withdrawal(value=amount, to=to, sender=msg.sender, withdrawalNetwork=WITHDRAW_TO_L2)
    success: bool = raw_call(to, b"", value=amount, revert_on_failure=False)
    assert success, "FeeVault: failed to send ETH to L2 fee recipient"
    return amount


@external
@view
def RECIPIENT() -> address:
    """
    @notice Where the fees go.
    """
    return self.recipient


@external
@view
def MIN_WITHDRAWAL_AMOUNT() -> uint256:
    """
    @notice The least balance that may be withdrawn, in wei.
    """
    return self.minWithdrawalAmount


@external
@pure
def WITHDRAWAL_NETWORK() -> uint8:
    """
    @notice 0 is L1, 1 is L2.
    """
    return WITHDRAW_TO_L2


@external
@pure
def withdrawalNetwork() -> uint8:
    """
    @notice 0 is L1, 1 is L2.
    """
    return WITHDRAW_TO_L2


@external
@pure
def version() -> String[8]:
    """
    @notice Version of the OP Stack contract whose interface this is.
    """
    return "1.5.0"
