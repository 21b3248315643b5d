# pragma version 0.4.3
# pragma evm-version cancun
"""
@title PayStep
@notice Steps of phase `transaction begin`, stage pay: a transaction that has been read is checked
        and paid for, or a deposit mints. L2 rules only.
@dev The twin of `_pay` in evm/step/transaction_begin.py and what it needs. EIP-1559, 2028, 2930,
     3607, 3860, 7623, 7825; OP specs deposits.md, isthmus and jovian exec-engine.md. Numbers of the
     step machine are unbounded, so bounds stand at what is computed here.
"""

import rollup.settlement.contracts.step.modules.Accounts as Accounts
import rollup.settlement.contracts.step.modules.Blocks as Blocks
import rollup.settlement.contracts.step.modules.Context as Context
import rollup.settlement.contracts.step.modules.DataFees as DataFees
import rollup.settlement.contracts.step.modules.Delegations as Delegations
import rollup.settlement.contracts.step.modules.Entries as Entries
import rollup.settlement.contracts.step.modules.Frames as Frames
import rollup.settlement.contracts.step.modules.Jobs as Jobs
import rollup.settlement.contracts.step.modules.Ledger as Ledger
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.Refusals as Refusals
import rollup.settlement.contracts.step.modules.Rules as Rules
import rollup.settlement.contracts.step.modules.Signers as Signers
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape

# Ten ways in the world map, each of as many branches as keys that are ground can make it.
MAX_WITNESS: constant(uint256) = 65536
TX_BASE: constant(uint256) = 21000
TOKEN_GAS: constant(uint256) = 4
TOKENS_OF_BYTE: constant(uint256) = 4
ACCESS_LIST_ADDRESS: constant(uint256) = 2400
ACCESS_LIST_SLOT: constant(uint256) = 1900
PER_EMPTY_ACCOUNT: constant(uint256) = 25000
CREATE: constant(uint256) = 32000
INIT_CODE_WORD: constant(uint256) = 2
MAX_INIT_CODE: constant(uint256) = 49152

rules: immutable(uint256)


struct Surroundings:
    blockName: bytes32
    gasLimit: uint256
    baseFee: uint256
    rules: Blocks.ChainRules
    progress: Ledger.Progress
    cursor: uint256


struct Price:
    # The transaction with its data fee, and how far the block then is.
    dataFee: DataFees.Amount
    progress: Ledger.Progress
    # Effects are opened for prices that the block does not know yet, else later.
    hasEffects: bool
    effects: State.Effects
    cursor: uint256
    # See DataFees.Quote.
    lacking: uint256
    key: uint256
    isRefused: bool


struct Charge:
    world: bytes32
    cursor: uint256
    # The kind of load for what the map lacks, and its key; 0 where it lacks nothing.
    lacking: uint256
    key: uint256
    isRefused: bool


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@view
def _surroundings(start: uint256, context: bytes32) -> Surroundings:
    """
    @notice Open block, its rest and its rules, then the transaction before and the progress.
    """
    found: Surroundings = empty(Surroundings)
    transactionName: bytes32 = empty(bytes32)
    found.blockName, transactionName = Tape.pair(start, context)
    cursor: uint256 = start + Tape.PAIR
    surrounding: Context.Block = Context.openBlock(cursor, found.blockName)
    cursor += Context.BLOCK_ITEM
    found.gasLimit = surrounding.gasLimit
    found.baseFee = surrounding.baseFee
    rest: Blocks.BlockRest = Blocks.openBlockRest(cursor, surrounding.rest)
    cursor += Blocks.BLOCK_REST_ITEM
    found.rules = Blocks.openChainRules(cursor, rest.rules)
    cursor += Blocks.CHAIN_RULES_ITEM
    before: Context.Transaction = Context.openTransaction(cursor, transactionName)
    cursor += Context.TRANSACTION_ITEM
    found.progress = Ledger.openProgress(cursor, before.rest)
    found.cursor = cursor + Ledger.PROGRESS_ITEM
    return found


@internal
@pure
def _listed(given: Ledger.Progress, leaf: bytes32) -> Ledger.Progress:
    """
    @notice The transaction's leaf is the first one, or a link of the chain.
    """
    progress: Ledger.Progress = given
    if progress.done == 0:
        progress.firstTransaction = leaf
    else:
        progress.transactions = keccak256(concat(progress.transactions, leaf))
    return progress


@internal
@pure
def _gasOf(job: Jobs.Job, floorPerToken: uint256) -> (uint256, uint256):
    """
    @notice Intrinsic gas, and the floor of EIP-7623. Counts are below 2^32: both fit in 2^52.
    """
    tokens: uint256 = job.dataZeros + TOKENS_OF_BYTE * (job.dataLength - job.dataZeros)
    intrinsic: uint256 = TX_BASE + TOKEN_GAS * tokens + PER_EMPTY_ACCOUNT * job.authorizations
    if job.isCreation != 0:
        intrinsic += CREATE + INIT_CODE_WORD * ((job.dataLength + 31) >> 5)
    intrinsic += ACCESS_LIST_ADDRESS * job.addresses + ACCESS_LIST_SLOT * job.slots
    return intrinsic, TX_BASE + floorPerToken * tokens if floorPerToken > 0 else 0


@internal
@pure
def _isTooLong(job: Jobs.Job) -> bool:
    return job.isCreation != 0 and job.dataLength > MAX_INIT_CODE


@internal
@pure
def _isInOrder(job: Jobs.Job, around: Surroundings, least: uint256) -> bool:
    """
    @notice What does not depend on the sender.
    """
    return (
        (job.isProtected == 0 or job.chainId == around.rules.chainId)
        and not self._isTooLong(job)
        and job.tipCap <= job.feeCap
        and job.feeCap >= around.baseFee
        and least <= job.gasLimit
        and job.gasLimit <= around.rules.maxTransactionGas
    )


@internal
@view
def _digest(cursor: uint256, wanted: bytes32) -> bytes32:
    """
    @notice Open what was signed: the hash of what goes into the signature, itself by its hash.
    """
    digest: bytes32 = Tape.name(cursor + Tape.HEAD)
    Tape.expect(Tape.size(cursor) == 32 and keccak256(digest) == wanted)
    return digest


@internal
@view
def _price(
    given: State.Machine, job: Jobs.Job, around: Surroundings, start: uint256
) -> Price:
    """
    @notice What the transaction pays for L1, and its footprint there.
    """
    price: Price = empty(Price)
    price.progress = around.progress
    price.cursor = start
    if price.progress.prices == empty(bytes32):
        price.hasEffects = True
        price.effects = State.openEffects(price.cursor, given.effects)
        quote: DataFees.Quote = DataFees.readPrices(
            price.cursor + State.EFFECTS_ITEM, price.effects.world, around.rules.has
        )
        price.cursor = quote.cursor
        if quote.lacking != 0:
            price.lacking = quote.lacking
            price.key = quote.key
            return price
        price.progress.prices = Ledger.namePrices(quote.prices)
    prices: Ledger.Prices = Ledger.openPrices(price.cursor, price.progress.prices)
    price.cursor += Ledger.PRICES_ITEM
    price.dataFee = DataFees.dataFee(
        prices, around.rules.has, job.length, job.zeros, job.chargedSize
    )
    price.progress.daFootprint += DataFees.daFootprint(prices, job.chargedSize)
    price.isRefused = price.progress.daFootprint > around.gasLimit
    return price


@internal
@pure
def _canPay(balance: uint256, job: Jobs.Job, fees: DataFees.Amount) -> bool:
    """
    @notice balance >= gas limit * fee cap + value + fees, each taken off so that nothing overflows.
    """
    if fees.isHuge or balance < fees.amount:
        return False
    left: uint256 = balance - fees.amount
    if left < job.amount:
        return False
    # The gas limit is intrinsic gas at least, so it is not zero.
    return job.feeCap <= (left - job.amount) // job.gasLimit


@internal
@view
def _charge(
    start: uint256,
    world: bytes32,
    job: Jobs.Job,
    chainRules: Blocks.ChainRules,
    prices: bytes32,
    dataFee: DataFees.Amount,
) -> Charge:
    """
    @notice Who signed can and does pay.
    """
    charge: Charge = empty(Charge)
    met: Accounts.Met = Accounts.look(start, world, job.sender)
    charge.cursor = met.cursor
    if met.isMissing:
        charge.lacking = Pending.LOAD_ACCOUNT
        return charge
    charge.isRefused = True
    if met.account.nonce != job.nonce or job.nonce == State.U64:
        return charge
    code: Accounts.Program = Accounts.program(charge.cursor, world, met.account.codeHash)
    charge.cursor = code.cursor
    if code.isMissing:
        charge.lacking = Pending.LOAD_CODE
        charge.key = convert(met.account.codeHash, uint256)
        return charge
    if code.length > 0:
        if rules & Rules.HAS_DELEGATIONS == 0:
            return charge
        delegation: Delegations.Delegation = Delegations.read(
            charge.cursor, code.root, code.length
        )
        charge.cursor = delegation.cursor
        if not delegation.isOne:
            return charge
    fees: DataFees.Amount = dataFee
    if chainRules.has & Blocks.OPERATOR_FEE != 0:
        known: Ledger.Prices = Ledger.openPrices(charge.cursor, prices)
        charge.cursor += Ledger.PRICES_ITEM
        fees = DataFees.plus(fees, 1, DataFees.operatorFee(known, chainRules, job.gasLimit))
    if not self._canPay(met.account.balance, job, fees):
        return charge
    charge.isRefused = False
    # The gas price is the fee cap at most, so what is taken off is less than what has to be there.
    found: Accounts.Place = Accounts.place(charge.cursor, world, job.sender)
    charge.cursor = found.cursor
    changed: Entries.Account = found.account
    changed.balance -= job.gasLimit * job.gasPrice + fees.amount
    changed.nonce = job.nonce + 1
    changed.exists = 1
    charge.world = Accounts.put(found, job.sender, changed)
    return charge


@internal
@pure
def _begun(given: State.Effects) -> State.Effects:
    """
    @notice Nothing is warm, logged, destroyed or to be refunded.
    """
    effects: State.Effects = given
    effects.destroyed = empty(bytes32)
    effects.logs = empty(bytes32)
    effects.refund = 0
    effects.transaction += 1
    return effects


@internal
@pure
def _ended(
    given: State.Machine,
    effects: State.Effects,
    blockName: bytes32,
    progress: Ledger.Progress,
    job: Jobs.Job,
) -> State.Machine:
    """
    @notice The state with these effects, this progress, and the job's transaction.
    """
    machine: State.Machine = given
    machine.effects = State.nameEffects(effects)
    current: Context.Transaction = Context.Transaction(
        number=effects.transaction,
        origin=job.sender,
        gasPrice=job.gasPrice,
        blobHashes=empty(bytes32),
        blobCount=0,
        rest=Ledger.nameProgress(progress),
    )
    machine.context = keccak256(concat(blockName, Context.nameTransaction(current)))
    return machine


@internal
@view
def _takeSigned(
    given: State.Machine, opened: Jobs.Job, around: Surroundings
) -> (State.Machine, uint256):
    job: Jobs.Job = opened
    intrinsic: uint256 = 0
    intrinsic, job.floor = self._gasOf(job, around.rules.floorPerToken)
    if not self._isInOrder(job, around, max(intrinsic, job.floor)):
        return Refusals.refuse(given, around.cursor)
    cursor: uint256 = around.cursor + Tape.HEAD + 32
    job.sender = Signers.recover(
        self._digest(around.cursor, job.signing), job.yParity, job.r, job.s
    )
    if job.sender == 0:
        return Refusals.refuse(given, cursor)
    job.gasLeft = job.gasLimit - intrinsic
    job.tip = min(job.tipCap, job.feeCap - around.baseFee)
    job.gasPrice = around.baseFee + job.tip
    price: Price = self._price(given, job, around, cursor)
    cursor = price.cursor
    if price.lacking != 0:
        return Frames.load(given, price.lacking, DataFees.L1_BLOCK, price.key), cursor
    if price.isRefused:
        return Refusals.refuse(given, cursor)
    if not price.hasEffects:
        price.effects = State.openEffects(cursor, given.effects)
        cursor += State.EFFECTS_ITEM
    effects: State.Effects = self._begun(price.effects)
    charge: Charge = self._charge(
        cursor, effects.world, job, around.rules, price.progress.prices, price.dataFee
    )
    if charge.lacking != 0:
        return Frames.load(given, charge.lacking, job.sender, charge.key), charge.cursor
    if charge.isRefused:
        return Refusals.refuse(given, charge.cursor)
    effects.world = charge.world
    job.dataFee = price.dataFee.amount
    job.stage = Jobs.START if job.kind == Jobs.LEGACY else Jobs.WARM
    job.cursor = job.listStart
    job.entryEnd = job.listStart
    machine: State.Machine = self._ended(
        given, effects, around.blockName, self._listed(price.progress, job.leaf), job
    )
    machine.pending = Jobs.nameJob(job)
    return machine, charge.cursor


@internal
@view
def _credit(cursor: uint256, world: bytes32, job: Jobs.Job) -> Accounts.Moved:
    if job.mint > 0:
        return Accounts.addBalance(cursor, world, job.sender, job.mint)
    return Accounts.touchEmpty(cursor, world, job.sender)


@internal
@view
def _takeDeposit(
    given: State.Machine, opened: Jobs.Job, around: Surroundings
) -> (State.Machine, uint256):
    """
    @notice Mint first, whatever comes; a deposit that cannot run still takes all its gas.
    """
    job: Jobs.Job = opened
    effects: State.Effects = self._begun(State.openEffects(around.cursor, given.effects))
    moved: Accounts.Moved = self._credit(
        around.cursor + State.EFFECTS_ITEM, effects.world, job
    )
    if moved.isMissing:
        return Frames.load(given, Pending.LOAD_ACCOUNT, job.sender, 0), moved.cursor
    # It is looked up, then looked up to be changed.
    met: Accounts.Met = Accounts.look(moved.cursor, moved.world, job.sender)
    found: Accounts.Place = Accounts.place(met.cursor, moved.world, job.sender)
    changed: Entries.Account = found.account
    changed.nonce += 1
    changed.exists = 1
    effects.world = Accounts.put(found, job.sender, changed)
    intrinsic: uint256 = 0
    floorGas: uint256 = 0
    intrinsic, floorGas = self._gasOf(job, around.rules.floorPerToken)
    job.nonce = met.account.nonce
    job.depositNonce = met.account.nonce
    progress: Ledger.Progress = self._listed(around.progress, job.leaf)
    isLame: bool = (
        job.isSystem != 0
        or job.gasLimit < max(intrinsic, floorGas)
        or self._isTooLong(job)
        or met.account.balance < job.amount
    )
    machine: State.Machine = given
    if isLame:
        job.stage = Jobs.SETTLE
        progress.job = Jobs.nameJob(job)
        machine.phase = State.TRANSACTION_END
        machine.pending = Pending.nameOutcome(empty(Pending.Outcome))
    else:
        job.stage = Jobs.START
        job.floor = floorGas
        job.gasLeft = job.gasLimit - intrinsic
        machine.pending = Jobs.nameJob(job)
    # A deposit pays no price for its gas, and its job says so: the field is zero until one is paid.
    return self._ended(machine, effects, around.blockName, progress, job), found.cursor


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    assert (
        machine.phase == State.TRANSACTION_BEGIN and machine.pending != empty(bytes32)
    ), "PayStep: not a state of phase transaction begin with a job"
    job: Jobs.Job = Jobs.openJob(cursor, machine.pending)
    assert job.stage == Jobs.PAY, "PayStep: not a job of stage pay"
    # An L1's blobs are not decided; no transaction of an L2 has any.
    assert job.kind != Jobs.BLOB, "PayStep: a transaction with blobs is an L1's"
    around: Surroundings = self._surroundings(cursor + Jobs.JOB_ITEM, machine.context)
    assert around.rules.has & Blocks.OPTIMISM != 0, "PayStep: not under the rules of an L2"
    if job.gasLimit + around.progress.gasUsed > around.gasLimit:
        machine, cursor = Refusals.refuse(machine, around.cursor)
    elif job.kind == Jobs.DEPOSIT:
        machine, cursor = self._takeDeposit(machine, job, around)
    else:
        machine, cursor = self._takeSigned(machine, job, around)
    Tape.finish(cursor)
    return State.commitment(machine)
