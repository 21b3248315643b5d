# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title AttributionRequestStep
@notice The first part of a settlement: its arguments, the request that it answers, its signer.
@dev The twin of `_checked_request` and `_require_signer` in evm/precompiles/proof_of_attribution.py, of
     `get_request` and `prices_of` in inference_escrow.py, which they call, and of `recover_signer` in
     chain/attestation.py. It answers with the frame behind it, for AttributionFeeStep.
     A fee has less than 256 bits: counts have 64 and prices 128.
"""

import rollup.settlement.contracts.step.modules.Attribution as Attribution
import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.NativeLists as NativeLists
import rollup.settlement.contracts.step.modules.Signers as Signers
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.Texts as Texts

PLACE: constant(Bytes[27]) = b"proof_of_attribution.settle"
# Of the escrow: the mapping of requests, a status.
REQUESTS: constant(uint256) = 0
OPEN: constant(uint256) = 1
SETTLED: constant(uint256) = 2
# Digest of a statement of eight fields, and ECRECOVER.
SIGNER_GAS: constant(uint256) = 192 + 3000
SIGNATURE_BYTES: constant(uint256) = 65
FIRST_V: constant(uint256) = 27

DOMAIN: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
DOMAIN_NAME: constant(bytes32) = keccak256("stemma")
DOMAIN_VERSION: constant(bytes32) = keccak256("1")
STATEMENT: constant(bytes32) = keccak256(
    "InferenceStatement(bytes32 requestId,bytes32 adapterId,bytes32 promptHash,bytes32 outputHash,uint64 inputTokens,uint64 outputTokens,bytes32 sharesRoot,bytes32 evidenceHash)"
)

rules: immutable(uint256)


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@view
def _refuse(frame: NativeFrame.Frame, message: Bytes[400]):
    """
    @notice Refuse for what the request is or asks.
    """
    Attribution.refuse(
        frame,
        concat(
            b"request ", Texts.hexOf(Attribution.stated(frame, Attribution.REQUEST_ID), 32), message
        ),
    )


@internal
@view
def _place(given: NativeFrame.Frame) -> NativeFrame.Frame:
    """
    @notice Where the escrow has the request, as `found`; the escrow's frame.
    """
    identity: uint256 = Attribution.stated(given, Attribution.REQUEST_ID)
    frame: NativeFrame.Frame = NativeFrame.mapped(
        NativeFrame.below(given, 1, Attribution.INFERENCE_ESCROW, 36), REQUESTS, identity
    )
    place: uint256 = frame.found
    frame = NativeFrame.sload(frame, place)
    if frame.found & State.U160 == 0:
        NativeFrame.refuse(
            frame, concat(b"inference_escrow: no request ", Texts.hexOf(identity, 32))
        )
    frame.found = place
    return frame


@internal
@view
def _request(given: NativeFrame.Frame) -> (NativeFrame.Frame, uint256[6]):
    """
    @notice getRequest of inference_escrow, called below: the slots of the request.
    """
    frame: NativeFrame.Frame = self._place(given)
    place: uint256 = frame.found
    slots: uint256[6] = empty(uint256[6])
    # Of each field of the result.
    for slot: uint256 in [0, 1, 2, 3, 2, 5, 0, 5, 0]:
        frame = NativeFrame.sload(frame, unsafe_add(place, slot))
        slots[slot] = frame.found
    return NativeFrame.above(frame, given, 9), slots


@internal
@view
def _prices(given: NativeFrame.Frame) -> NativeFrame.Frame:
    """
    @notice pricesOf of inference_escrow, called below; both are `found`, one above the other.
    """
    frame: NativeFrame.Frame = self._place(given)
    place: uint256 = unsafe_add(frame.found, 4)
    frame = NativeFrame.sload(NativeFrame.sload(frame, place), place)
    return NativeFrame.above(frame, given, 2)


@internal
@view
def _requireTerms(frame: NativeFrame.Frame, slots: uint256[6]):
    """
    @notice The request is open, and the statement is about what it asks.
    """
    status: uint256 = (slots[0] >> 224) & 255
    if status != OPEN:
        name: Bytes[8] = b"refunded"
        if status == SETTLED:
            name = b"settled"
        self._refuse(frame, concat(b" is ", name, b", not open"))
    for i: uint256 in range(2):
        # The adapter and the prompt.
        asked: uint256 = slots[1 + 2 * i]
        said: uint256 = Attribution.stated(frame, Attribution.ADAPTER_ID + i)
        if asked != said:
            verb: Bytes[14] = b" asks adapter "
            if i == 1:
                verb = b" has prompt "
            self._refuse(
                frame,
                concat(verb, Texts.hexOf(asked, 32), b", stated ", Texts.hexOf(said, 32)),
            )
    most: uint256[2] = [(slots[2] >> 160) & State.U64, slots[5] >> 192]
    used: uint256[2] = [
        Attribution.stated(frame, Attribution.INPUT_TOKENS),
        Attribution.stated(frame, Attribution.OUTPUT_TOKENS),
    ]
    if used[0] > most[0] or used[1] > most[1]:
        self._refuse(
            frame,
            concat(
                b" allows ", Texts.decimal(most[0]), b" input and ", Texts.decimal(most[1]),
                b" output tokens, stated ", Texts.decimal(used[0]), b" and ",
                Texts.decimal(used[1]),
            ),
        )


@internal
@view
def _checked(given: NativeFrame.Frame) -> (NativeFrame.Frame, uint256, uint256):
    """
    @notice The worker of the open request that the statement answers, and the fee.
    """
    frame: NativeFrame.Frame = given
    slots: uint256[6] = empty(uint256[6])
    frame, slots = self._request(frame)
    self._requireTerms(frame, slots)
    frame = self._prices(frame)
    fee: uint256 = Attribution.stated(frame, Attribution.INPUT_TOKENS) * (
        frame.found & (2**128 - 1)
    ) + Attribution.stated(frame, Attribution.OUTPUT_TOKENS) * (frame.found >> 128)
    most: uint256 = slots[5] & (2**192 - 1)
    if fee > most:
        self._refuse(
            frame,
            concat(
                b" pays at most ", Texts.decimal(most), b" wei, fee is ", Texts.decimal(fee)
            ),
        )
    return frame, slots[2] & State.U160, fee


@internal
@view
def _digest(frame: NativeFrame.Frame) -> bytes32:
    domain: bytes32 = keccak256(
        abi_encode(DOMAIN, DOMAIN_NAME, DOMAIN_VERSION, frame.chainId, frame.target)
    )
    statement: Bytes[32 * Attribution.STATEMENT_WORDS] = slice(
        msg.data, frame.start + 4, 32 * Attribution.STATEMENT_WORDS
    )
    return keccak256(concat(0x1901, domain, keccak256(concat(STATEMENT, statement))))


@internal
@view
def _refuseSignature(frame: NativeFrame.Frame, message: Bytes[264]):
    identity: uint256 = Attribution.stated(frame, Attribution.REQUEST_ID)
    Attribution.refuse(
        frame, concat(b"signature for request ", Texts.hexOf(identity, 32), b": ", message)
    )


@internal
@view
def _requireSigner(
    given: NativeFrame.Frame, signature: NativeLists.Item, worker: uint256
) -> NativeFrame.Frame:
    """
    @notice The statement's signer is the worker.
    """
    frame: NativeFrame.Frame = NativeFrame.withBlock(NativeFrame.charge(given, SIGNER_GAS))
    if signature.count != SIGNATURE_BYTES:
        self._refuseSignature(
            frame,
            concat(b"signature: expected 65 bytes, got ", Texts.decimal(signature.count)),
        )
    v: uint256 = Tape.word(signature.at + 33) & 255
    parity: uint256 = v
    if v >= FIRST_V:
        parity = v - FIRST_V
    if parity > 1:
        self._refuseSignature(
            frame, concat(b"signature: v must be 0, 1, 27 or 28, got ", Texts.decimal(v))
        )
    r: uint256 = Tape.word(signature.at)
    s: uint256 = Tape.word(signature.at + 32)
    signer: uint256 = Signers.recover(self._digest(frame), parity, r, s)
    if signer == 0:
        self._refuseValues(frame, parity, r, s)
    if signer != worker:
        self._refuse(
            frame,
            concat(
                b" chose worker ", Texts.hexOf(worker, 20), b", signed by ",
                Texts.hexOf(signer, 20),
            ),
        )
    return frame


@internal
@view
def _refuseValues(frame: NativeFrame.Frame, parity: uint256, r: uint256, s: uint256):
    """
    @notice Refuse a signature of nobody for its values.
    """
    values: Bytes[140] = concat(b"r=", Texts.hexNumber(r), b", s=", Texts.hexNumber(s))
    if r == 0 or r >= Signers.CURVE_ORDER or s == 0 or s >= Signers.CURVE_ORDER:
        self._refuseSignature(
            frame,
            concat(
                b"signature values out of range: y_parity=", Texts.decimal(parity), b", ", values
            ),
        )
    if s > Signers.HALF_CURVE_ORDER:
        self._refuseSignature(
            frame,
            concat(
                b"signature has a high s (EIP-2): ", Texts.hexNumber(s), b" > ",
                Texts.hexNumber(Signers.HALF_CURVE_ORDER),
            ),
        )
    self._refuseSignature(frame, concat(b"no public key fits the signature: ", values))


@internal
@view
def _step() -> (NativeFrame.Frame, Attribution.Settling):
    frame: NativeFrame.Frame = NativeFrame.charge(
        NativeFrame.begin(Attribution.NATIVE, rules), NativeFrame.CALL_BASE
    )
    assert NativeFrame.selector(frame) == Attribution.SETTLE, "AttributionRequestStep: not settle"
    frame = NativeFrame.called(frame, PLACE, False, False)
    argument: uint256 = 0
    for i: uint256 in range(Attribution.STATEMENT_WORDS):
        if i == Attribution.INPUT_TOKENS or i == Attribution.OUTPUT_TOKENS:
            argument = NativeFrame.unsigned(frame, PLACE, i, b"uint64", State.U64)
        else:
            argument = NativeFrame.argument(frame, PLACE, i, b"bytes32")
    signature: NativeLists.Item = NativeLists.bytesOf(
        frame,
        PLACE,
        frame.length - 4 - 32 * Attribution.STATEMENT_WORDS,
        Attribution.STATEMENT_WORDS,
    )
    accounts: NativeLists.Item = NativeLists.listOf(
        frame, PLACE, signature.budget, Attribution.STATEMENT_WORDS + 1, b"address"
    )
    shares: NativeLists.Item = NativeLists.listOf(
        frame, PLACE, accounts.budget, Attribution.STATEMENT_WORDS + 2, b"uint256"
    )
    settling: Attribution.Settling = empty(Attribution.Settling)
    frame, settling.worker, settling.fee = self._checked(frame)
    frame = self._requireSigner(frame, signature, settling.worker)
    settling.accountsAt = accounts.at
    settling.accounts = accounts.count
    settling.sharesAt = shares.at
    settling.shares = shares.count
    return frame, settling


@external
@view
@raw_return
def __default__() -> Bytes[Attribution.ANSWER]:
    """
    @notice Frame and settlement behind this part, asked for as `step(bytes,bytes,bytes32)`.
    """
    frame: NativeFrame.Frame = empty(NativeFrame.Frame)
    settling: Attribution.Settling = empty(Attribution.Settling)
    frame, settling = self._step()
    return abi_encode(frame, settling)
