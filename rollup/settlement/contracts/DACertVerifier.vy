# pragma version 0.4.3
# pragma evm-version cancun
"""
@title DACertVerifier
@notice Says whether a quorum of the data availability committee signed a certificate.
@dev The interface is that of EigenDA's IEigenDACertVerifier: status 1 is yes. The certificate and
     its digest: docs/protocol/data-availability.md; rollup/da/certificate.py answers the same for
     every input. The committee is fixed: another one is another contract.
"""

MAX_OPERATORS: constant(uint256) = 16
HEAD_BYTES: constant(uint256) = 59
SIGNATURE_BYTES: constant(uint256) = 65
MAX_CERT_BYTES: constant(uint256) = 1_099  # HEAD_BYTES + 16 * SIGNATURE_BYTES
# keccak256("stemma DA certificate v1")
DOMAIN: constant(bytes32) = keccak256("stemma DA certificate v1")
HALF_CURVE_ORDER: constant(uint256) = (
    57_896_044_618_658_097_711_785_492_504_343_953_926_418_782_139_537_452_191_302_581_570_759_080_747_168
)

SUCCESS: constant(uint8) = 1
MALFORMED: constant(uint8) = 2
WRONG_SIGNATURE: constant(uint8) = 3
NO_QUORUM: constant(uint8) = 4

operatorCount: public(immutable(uint256))
totalStake: public(immutable(uint256))
confirmationPercent: public(immutable(uint256))
# Signer in the low 160 bits, stake in the high 96: one slot to read for each signature.
operators: public(uint256[MAX_OPERATORS])


@deploy
def __init__(
    _signers: DynArray[address, MAX_OPERATORS],
    _stakes: DynArray[uint96, MAX_OPERATORS],
    _confirmationPercent: uint256,
):
    assert len(_signers) == len(_stakes), "DACertVerifier: one stake for each signer"
    assert 0 < _confirmationPercent and _confirmationPercent <= 100, "DACertVerifier: percent"
    total: uint256 = 0
    for i: uint256 in range(len(_signers), bound=MAX_OPERATORS):
        assert _signers[i] != empty(address), "DACertVerifier: signer is zero"
        stake: uint256 = convert(_stakes[i], uint256)
        total += stake
        self.operators[i] = (stake << 160) | convert(convert(_signers[i], uint160), uint256)
    assert total > 0, "DACertVerifier: no stake"
    operatorCount = len(_signers)
    totalStake = total
    confirmationPercent = _confirmationPercent


@external
@view
def checkDACert(_cert: Bytes[MAX_CERT_BYTES]) -> uint8:
    """
    @notice 1 if a quorum signed; 2 malformed, 3 a signature is not its operator's, 4 no quorum.
    """
    if len(_cert) < HEAD_BYTES:
        return MALFORMED
    if convert(slice(_cert, 0, 1), uint8) != 1:
        return MALFORMED
    signers: uint256 = convert(slice(_cert, 57, 2), uint256)
    count: uint256 = 0
    for i: uint256 in range(MAX_OPERATORS):
        count += (signers >> i) & 1
    if len(_cert) != HEAD_BYTES + SIGNATURE_BYTES * count:
        return MALFORMED
    digest: bytes32 = keccak256(
        concat(
            DOMAIN,
            convert(chain.id, bytes32),
            convert(self, bytes32),
            slice(_cert, 1, 56),
        )
    )
    at: uint256 = HEAD_BYTES
    stake: uint256 = 0
    for i: uint256 in range(MAX_OPERATORS):
        if (signers >> i) & 1 == 0:
            continue
        if i >= operatorCount:
            return MALFORMED
        r: uint256 = extract32(_cert, at, output_type=uint256)
        s: uint256 = extract32(_cert, at + 32, output_type=uint256)
        v: uint256 = convert(slice(_cert, at + 64, 1), uint256)
        at += SIGNATURE_BYTES
        operator: uint256 = self.operators[i]
        if s > HALF_CURVE_ORDER or (v != 27 and v != 28):
            return WRONG_SIGNATURE
        signer: address = ecrecover(digest, v, r, s)
        if signer == empty(address) or convert(convert(signer, uint160), uint256) != operator & (2**160 - 1):
            return WRONG_SIGNATURE
        stake += operator >> 160
    if stake * 100 < totalStake * confirmationPercent:
        return NO_QUORUM
    return SUCCESS
