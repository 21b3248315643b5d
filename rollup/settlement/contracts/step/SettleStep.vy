# pragma version 0.4.3
# pragma evm-version cancun
"""
@title SettleStep
@notice Steps of phase `transaction end` that move money: the sender gets back what was not used,
        everyone else their part; then one account a step that has ended.
@dev The twin of `_settle` and `_destroy` in evm/step/transaction_end.py, for L2s. EIP-3529, 6780,
     7623; OP specs, exec-engine.md (fee vaults). No sum here is too long for a word: when it paid,
     the sender had gas limit * gas price + data fee + operator fee of the gas limit, and no more
     gas is used than the limit. Sums are made modulo 2^256 like the balances that they go into.
"""

import rollup.settlement.contracts.step.modules.Accounts as Accounts
import rollup.settlement.contracts.step.modules.Blocks as Blocks
import rollup.settlement.contracts.step.modules.Closing as Closing
import rollup.settlement.contracts.step.modules.Entries as Entries
import rollup.settlement.contracts.step.modules.Frames as Frames
import rollup.settlement.contracts.step.modules.Jobs as Jobs
import rollup.settlement.contracts.step.modules.Ledger as Ledger
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.WorldMap as WorldMap

MAX_WITNESS: constant(uint256) = 32768
# EIP-3529.
MAX_REFUND_QUOTIENT: constant(uint256) = 5
# Preimage of an account's key: 0x01 and the address.
KEY_SIZE: constant(uint256) = 21
KEY_ITEM: constant(uint256) = KEY_SIZE + 3
EMPTY_ROOT: constant(bytes32) = keccak256(x"80")
# The OP Stack's fee vaults, 0x4200...0019 to 1b.
BASE_FEE_VAULT: constant(uint256) = 66 * 2**152 + 25
L1_FEE_VAULT: constant(uint256) = 66 * 2**152 + 26
OPERATOR_FEE_VAULT: constant(uint256) = 66 * 2**152 + 27


struct Credits:
    # Who gets something, in this order, and how many of the five there are.
    receivers: uint256[5]
    amounts: uint256[5]
    count: uint256


@internal
@pure
def _operatorFee(
    prices: Ledger.Prices, rules: Closing.Rules, provided: uint256
) -> uint256:
    """
    @notice Wei for that much gas (Isthmus). Of 64 bits, 32 and 32, the product has at most 128.
    """
    scaled: uint256 = provided * prices.operatorFeeScalar * rules.operatorFeeFactor
    return scaled // rules.operatorFeeDivisor + prices.operatorFeeConstant


@internal
@view
def _used(job: Closing.Job, outcome: Pending.Outcome, counter: uint256) -> uint256:
    """
    @notice The gas that is paid for, behind refunds, of which `counter` are two's complement.
    """
    used: int256 = convert(Closing.gasLimit(job.at) - outcome.gas, int256)
    refund: int256 = convert(Closing.refund(job.at), int256) + convert(counter, int256)
    if counter >> 63 == 1:
        refund -= 2**64
    used -= min(used // convert(MAX_REFUND_QUOTIENT, int256), refund)
    return convert(max(used, convert(Closing.floor_(job.at), int256)), uint256)


@internal
@view
def _credit(
    cursor: uint256, world: bytes32, account: uint256, amount: uint256
) -> Accounts.Moved:
    """
    @notice Give wei; nothing at all touches the account (EIP-161).
    """
    if amount > 0:
        return Accounts.addBalance(cursor, world, account, amount)
    return Accounts.touchEmpty(cursor, world, account)


@internal
@view
def _shares(
    job: Closing.Job, prices: Ledger.Prices, rules: Closing.Rules, around: Closing.Surroundings,
    used: uint256
) -> Credits:
    """
    @notice What everyone gets; without an operator fee, its vault is not touched.
    """
    limit: uint256 = Closing.gasLimit(job.at)
    back: uint256 = unsafe_mul(unsafe_sub(limit, used), Closing.gasPrice(job.at))
    fee: uint256 = 0
    count: uint256 = 4
    if rules.hasOperatorFee:
        fee = self._operatorFee(prices, rules, used)
        back = unsafe_add(back, unsafe_sub(self._operatorFee(prices, rules, limit), fee))
        count = 5
    return Credits(
        receivers=[
            Closing.sender(job.at), around.coinbase, BASE_FEE_VAULT, L1_FEE_VAULT, OPERATOR_FEE_VAULT
        ],
        amounts=[
            back,
            unsafe_mul(used, Closing.tip(job.at)),
            unsafe_mul(used, around.baseFee),
            Closing.dataFee(job.at),
            fee,
        ],
        count=count,
    )


@internal
@view
def _settle(given: State.Machine, opened: Closing.Work) -> (State.Machine, uint256):
    work: Closing.Work = opened
    outcome: Pending.Outcome = Pending.openOutcome(work.cursor, given.pending)
    work.cursor += Pending.OUTCOME_ITEM
    around: Closing.Surroundings = Closing.openSurroundings(work.cursor, work.blockName)
    rules: Closing.Rules = Closing.openRules(around.cursor, around.rules)
    cursor: uint256 = around.cursor + Blocks.CHAIN_RULES_ITEM
    effects: State.Effects = State.openEffects(cursor, given.effects)
    cursor += State.EFFECTS_ITEM
    machine: State.Machine = given
    used: uint256 = self._used(work.job, outcome, effects.refund)
    if Closing.kind(work.job.at) != Jobs.DEPOSIT:
        prices: Ledger.Prices = empty(Ledger.Prices)
        if rules.hasOperatorFee:
            prices = Ledger.openPrices(cursor, work.progress.prices)
            cursor += Ledger.PRICES_ITEM
        shares: Credits = self._shares(work.job, prices, rules, around, used)
        for i: uint256 in range(shares.count, bound=5):
            moved: Accounts.Moved = self._credit(
                cursor, effects.world, shares.receivers[i], shares.amounts[i]
            )
            cursor = moved.cursor
            if moved.isMissing:
                return Frames.load(given, Pending.LOAD_ACCOUNT, moved.missing, 0), cursor
            effects.world = moved.world
        machine.effects = State.nameEffects(effects)
    work.job.stage = Jobs.DESTROY
    work.job.gasUsed = used
    work.job.succeeded = 0
    if outcome.ending == Pending.SUCCEEDED or outcome.ending == Pending.DEPOSITED:
        work.job.succeeded = 1
    work.progress.gasUsed += used
    work.progress.job = Closing.nameJob(work.job)
    machine.pending = empty(bytes32)
    machine.context = Closing.contextOf(work.blockName, work.current, work.progress)
    return machine, cursor


@internal
@view
def _dead(found: Entries.Account) -> Entries.Account:
    """
    @notice An account that has ended: the slots of its next life have other keys.
    """
    dead: Entries.Account = empty(Entries.Account)
    dead.codeHash = Accounts.EMPTY_CODE_HASH
    dead.storageRoot = EMPTY_ROOT
    dead.generation = found.generation + 1
    dead.warm = found.warm
    dead.destroyed = found.destroyed
    return dead


@internal
@view
def _destroy(given: State.Machine, opened: Closing.Work) -> (State.Machine, uint256):
    """
    @notice One account that has ended; behind the last one the receipt begins.
    """
    machine: State.Machine = given
    cursor: uint256 = opened.cursor
    effects: State.Effects = State.openEffects(cursor, given.effects)
    cursor += State.EFFECTS_ITEM
    if effects.destroyed == empty(bytes32):
        work: Closing.Work = opened
        noBits: bytes32[8] = empty(bytes32[8])
        receipt: Jobs.ReceiptWork = empty(Jobs.ReceiptWork)
        receipt.bloom = keccak256(abi_encode(noBits))
        work.job.stage = Jobs.MEASURE
        work.job.receipt = Jobs.nameReceiptWork(receipt)
        work.progress.job = Closing.nameJob(work.job)
        machine.context = Closing.contextOf(work.blockName, work.current, work.progress)
        return machine, cursor
    key: bytes32 = empty(bytes32)
    effects.destroyed, key = Tape.pair(cursor, effects.destroyed)
    cursor += Tape.PAIR
    preimage: Bytes[KEY_ITEM] = slice(msg.data, cursor, KEY_ITEM)
    Tape.expect(
        keccak256(slice(preimage, 3, KEY_SIZE)) == key
        and convert(slice(preimage, 0, 3), uint256) == KEY_SIZE
    )
    cursor += KEY_ITEM
    way: WorldMap.Way = WorldMap.find(cursor, effects.world, key)
    assert way.isFound, "SettleStep: no such account is in the map"
    cursor = way.cursor
    dead: Entries.Account = self._dead(Entries.openAccount(cursor, way.value))
    cursor += Entries.ACCOUNT_ITEM
    effects.world = WorldMap.put(way, key, Entries.nameAccount(dead))
    machine.effects = State.nameEffects(effects)
    return machine, cursor


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    work: Closing.Work = Closing.open(machine, cursor)
    if work.job.stage == Jobs.SETTLE:
        machine, cursor = self._settle(machine, work)
    else:
        assert work.job.stage == Jobs.DESTROY, "SettleStep: another stage"
        machine, cursor = self._destroy(machine, work)
    Tape.finish(cursor)
    return State.commitment(machine)
