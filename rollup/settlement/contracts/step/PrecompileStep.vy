# pragma version 0.4.3
# pragma evm-version cancun
"""
@title PrecompileStep
@notice Steps of phase `precompile`: Ethereum's, run by L1's own, but for P256VERIFY.
@dev The twin of evm/step/precompiled.py. Prices are computed here: L1's may be another fork's.
"""

import rollup.settlement.contracts.step.modules.P256 as P256
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.Program as Program
import rollup.settlement.contracts.step.modules.Rules as Rules
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape

MAX_INPUT: constant(uint256) = 65536
MAX_OUTPUT: constant(uint256) = 4096
MAX_WITNESS: constant(uint256) = MAX_INPUT + 1024
# The longest base, exponent or modulus: what L1 takes from Osaka on (EIP-7823).
MAX_NUMBER: constant(uint256) = 1024
# Lengths beyond that cost more than gas can be.
MAX_LENGTH: constant(uint256) = 2**64
UNPAYABLE: constant(uint256) = max_value(uint256) - 1
UNSUPPORTED: constant(uint256) = max_value(uint256)
MODEXP: constant(uint256) = 5
PAIRING: constant(uint256) = 8
P256VERIFY: constant(uint256) = 256
# What Karst's BN254 pairing takes. Of forks before, the limit is above MAX_INPUT.
MAX_PAIRING_INPUT: constant(uint256) = 57600
RESERVE: constant(uint256) = 50000
# EIP-2537: thousandths of the price of a term for sums of 1 to 128 terms, two bytes each.
DISCOUNTS: constant(uint256) = 128
G1_DISCOUNTS: constant(Bytes[256]) = x"03e803b50350031d02fc02ee02e202d802cf02c802c102ba02b402af02aa02a502a1029d029902950292028e028b0288028502820280027d027b0278027602730271026f026d026b026902670265026302610260025e025c025b0259025702560254025302510250024f024d024c024a02490248024602450244024302410240023f023e023d023c023a0239023802370236023502340233023202310230022f022e022d022c022b022a02290228022702260225022402230223022202210220021f021e021d021c021c021b021a0219021802180217021602150214021402130212021102100210020f020e020d020d020c020b020a020a0209020802080207"
G2_DISCOUNTS: constant(Bytes[256]) = x"03e803e8039b037403570340032c031c030e030202f702ed02e402dc02d402cd02c702c002bb02b502b002ab02a702a2029e029a02970293028f028c0289028602830280027d027a0278027502730270026e026c026a0267026502630261025f025e025c025a025802560255025302510250024e024d024b024a0248024702460244024302420240023f023e023d023b023a023902380237023602350233023202310230022f022e022d022c022b022a022902280228022702260225022402230222022102210220021f021e021d021d021c021b021a021902190218021702170216021502140214021302120212021102100210020f020e020e020d020c020c"

rules: immutable(uint256)


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@view
def _isLong(start: uint256, length: uint256) -> bool:
    # Whether L1's MODEXP may refuse such numbers.
    for offset: uint256 in [0, 32, 64]:
        if self._inputWord(start, length, offset) > MAX_NUMBER:
            return True
    return False


@internal
@pure
def _sumPrice(terms: uint256, perTerm: uint256, discounts: Bytes[256]) -> uint256:
    """
    @notice A sum of so many terms; of none, it fails.
    """
    place: uint256 = min(max(terms, 1), DISCOUNTS) - 1
    return terms * perTerm * convert(slice(discounts, 2 * place, 2), uint256) // 1000


@internal
@view
def _price(precompile: uint256, start: uint256, length: uint256) -> uint256:
    """
    @notice What a precompile costs; UNSUPPORTED where it is not decided here.
    @dev Yellow Paper, appendix E; EIP-152, 1108, 2537, 2565, 4844, 7823, 7883, 7951.
    """
    words: uint256 = (length + 31) >> 5
    if precompile == 1:  # ECRECOVER
        return 3000
    if precompile == 2:  # SHA2-256
        return 60 + 12 * words
    if precompile == 3:  # RIPEMD-160
        return 600 + 120 * words
    if precompile == 4:  # IDENTITY
        return 15 + 3 * words
    if precompile == MODEXP:
        return self._modExpPrice(start, length)
    if precompile == 9:  # BLAKE2F: as many as it has rounds; of another length, it fails
        return Tape.word(start) >> 224 if length == 213 else 0
    if precompile == 6:  # BN254 addition
        return 150
    if precompile == 7:  # BN254 multiplication
        return 6000
    if precompile == PAIRING:  # BN254 pairing
        if rules & Rules.HAS_SHORT_PAIRING != 0 and length > MAX_PAIRING_INPUT:
            return UNPAYABLE
        return 45000 + 34000 * (length // 192)
    if precompile == 10:  # KZG point evaluation
        return 50000
    if precompile == P256VERIFY and rules & Rules.HAS_P256 != 0:  # RIP-7212, EIP-7951
        return 6900 if rules & Rules.HAS_OSAKA_PRICES != 0 else 3450
    if rules & Rules.HAS_BLS != 0:
        if precompile == 11:  # BLS12-381 G1 addition
            return 375
        if precompile == 12:  # BLS12-381 G1 multi-scalar multiplication
            return self._sumPrice(length // 160, 12000, G1_DISCOUNTS)
        if precompile == 14:  # BLS12-381 G2 multi-scalar multiplication
            return self._sumPrice(length // 288, 22500, G2_DISCOUNTS)
        if precompile == 13:  # BLS12-381 G2 addition
            return 600
        if precompile == 15:  # BLS12-381 pairing
            return 37700 + 32600 * (length // 384)
        if precompile == 16:  # BLS12-381 field element to G1
            return 5500
        if precompile == 17:  # BLS12-381 field element to G2
            return 23800
    return UNSUPPORTED


@internal
@view
def _inputWord(start: uint256, length: uint256, offset: uint256) -> uint256:
    # A word of the input at msg.data[start:], zeros behind its end.
    if offset >= length:
        return 0
    present: uint256 = min(32, length - offset)
    word: uint256 = Tape.word(start + offset)
    return (word >> (8 * (32 - present))) << (8 * (32 - present))


@internal
@pure
def _bits(word: uint256) -> uint256:
    count: uint256 = 0
    rest: uint256 = word
    for step: uint256 in [128, 64, 32, 16, 8, 4, 2, 1]:
        if rest >> step != 0:
            rest = rest >> step
            count += step
    return count + rest


@internal
@view
def _modExpPrice(start: uint256, length: uint256) -> uint256:
    """
    @notice EIP-2565; where the fork has it, EIP-7883 with the bound of EIP-7823.
    """
    isOsaka: bool = rules & Rules.HAS_OSAKA_PRICES != 0
    if isOsaka and self._isLong(start, length):
        return UNPAYABLE
    base: uint256 = self._inputWord(start, length, 0)
    exponent: uint256 = self._inputWord(start, length, 32)
    longest: uint256 = max(base, self._inputWord(start, length, 64))
    if longest == 0 and not isOsaka:
        return 200
    if longest > MAX_LENGTH or exponent > MAX_LENGTH:
        return UNPAYABLE
    head: uint256 = self._inputWord(start, length, 96 + base)
    iterations: uint256 = 0
    if exponent <= 32:
        head = head >> (8 * (32 - exponent))
    else:
        iterations = (16 if isOsaka else 8) * (exponent - 32)
    if head > 0:
        iterations += self._bits(head) - 1
    iterations = max(iterations, 1)
    words: uint256 = (longest + 7) // 8
    if isOsaka:
        return max(500, (2 * words * words if longest > 32 else 16) * iterations)
    return max(200, words * words * iterations // 3)


@internal
@pure
def _unsupported(precompile: uint256):
    raw_revert(
        abi_encode(
            convert(convert(precompile, uint160), address),
            method_id=method_id("UnsupportedPrecompile(address)"),
        )
    )


@internal
@pure
def _outputTree(output: Bytes[MAX_OUTPUT]) -> bytes32:
    """
    @notice The word tree of an output, padded with zeros.
    """
    count: uint256 = (len(output) + 31) >> 5
    if count == 0:
        return empty(bytes32)
    nothing: bytes32[1] = empty(bytes32[1])
    padded: Bytes[MAX_OUTPUT + 32] = concat(output, nothing[0])
    left: bytes32[8] = empty(bytes32[8])
    node: bytes32 = empty(bytes32)
    for i: uint256 in range(1 << Tape.depth(count), bound=128):
        node = empty(bytes32)
        if i < count:
            node = extract32(padded, 32 * i)
        level: uint256 = 0
        for _: uint256 in range(8):
            if (i >> level) & 1 == 0:
                left[level] = node
                break
            node = keccak256(concat(left[level], node))
            level += 1
    return node


@internal
@view
def _ask(
    precompile: uint256, input: Bytes[MAX_WITNESS], price: uint256
) -> (bool, Bytes[MAX_OUTPUT]):
    """
    @notice What L1's own precompile says, for what it costs.
    """
    hasSucceeded: bool = False
    output: Bytes[MAX_OUTPUT] = b""
    # A call that gets too little gas fails too: that must not pass for a failing precompile. Memory
    # is touched before, so that the reserve is enough for what comes between.
    assert msg.gas - msg.gas // 64 > price + RESERVE, "PrecompileStep: the call has too little gas"
    hasSucceeded, output = raw_call(
        convert(convert(precompile, uint160), address),
        input,
        gas=price,
        max_outsize=MAX_OUTPUT,
        is_static_call=True,
        revert_on_failure=False,
    )
    # Where L1 lacks a precompile, the call meets no code and succeeds.
    assert (
        not hasSucceeded or len(output) > 0 or precompile < MODEXP
    ), "PrecompileStep: L1 has no such precompile"
    return hasSucceeded, output


@internal
@view
def _power(input: Bytes[MAX_WITNESS], start: uint256) -> Bytes[MAX_OUTPUT]:
    """
    @notice MODEXP on L1, which never fails for such numbers but of gas: it gets all there is, since
            its price there may be up to 48 times that of EIP-2565.
    """
    if self._isLong(start, len(input)):
        self._unsupported(MODEXP)
    hasSucceeded: bool = False
    output: Bytes[MAX_OUTPUT] = b""
    hasSucceeded, output = raw_call(
        convert(convert(MODEXP, uint160), address),
        input,
        max_outsize=MAX_OUTPUT,
        is_static_call=True,
        revert_on_failure=False,
    )
    assert hasSucceeded, "PrecompileStep: MODEXP has failed on L1"
    return output


@internal
@view
def _p256(start: uint256, length: uint256) -> Bytes[MAX_OUTPUT]:
    """
    @notice 1 for a valid signature, else nothing, as for input of another length.
    """
    if length != 160:
        return b""
    isValid: bool = P256.verify(
        Tape.word(start),
        Tape.word(start + 32),
        Tape.word(start + 64),
        Tape.word(start + 96),
        Tape.word(start + 128),
    )
    return abi_encode(isValid) if isValid else b""


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    assert machine.phase == State.PRECOMPILE, "PrecompileStep: not a state of its phase"
    frame: State.Frame = State.openFrame(cursor, machine.frame)
    cursor += State.FRAME_ITEM
    call: State.Call = State.openCall(cursor, frame.call)
    cursor += State.CALL_ITEM
    length: uint256 = call.calldataLength
    start: uint256 = cursor
    if length > 0:
        depth: uint256 = Tape.depth((length + 31) >> 5)
        start += Tape.HEAD
        Tape.expect(
            Tape.size(cursor) == 32 << depth
            and Program.wordTree(start, depth) == call.calldata
        )
        cursor = start + (32 << depth)
    Tape.finish(cursor)
    price: uint256 = self._price(call.codeAddress, start, length)
    if price == UNSUPPORTED:
        self._unsupported(call.codeAddress)
    outcome: Pending.Outcome = Pending.Outcome(
        ending=Pending.FAILED, gas=0, output=empty(bytes32), outputLength=0, call=frame.call
    )
    if price <= frame.gas:
        hasSucceeded: bool = True
        output: Bytes[MAX_OUTPUT] = b""
        if call.codeAddress == P256VERIFY:
            output = self._p256(start, length)
        elif call.codeAddress != MODEXP:
            hasSucceeded, output = self._ask(
                call.codeAddress, slice(proof, start - Tape.PROOF, length), price
            )
        elif self._inputWord(start, length, 64) != 0:  # else there is no output
            output = self._power(slice(proof, start - Tape.PROOF, length), start)
        if hasSucceeded:
            outcome.ending = Pending.SUCCEEDED
            outcome.gas = frame.gas - price
            outcome.outputLength = len(output)
            outcome.output = self._outputTree(output)
    machine.phase = State.LEAVE
    machine.pending = Pending.nameOutcome(outcome)
    machine.frame = empty(bytes32)
    return State.commitment(machine)
