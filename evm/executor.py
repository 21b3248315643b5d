"""A block made from its parent and payload attributes: the one front door of execution.

`BlockExecution` takes transactions one at a time and seals a block; `execute_block` runs a list
that has to go in whole, `builder.build_block` also chooses from a pool. Which attributes to use,
and storing what comes out, are others' work. Sources: EIP-2935, 4788, 7685; specs
isthmus/exec-engine.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chain.block import (
    Block,
    Header,
    Withdrawal,
    ommers_hash,
    receipts_root,
    transactions_root,
    withdrawals_root,
)
from chain.crypto.secp256k1 import InvalidSignature
from chain.receipt import Receipt, logs_bloom
from chain.state import State, StateChanges
from chain.transaction import Transaction, recover_sender
from chain.types import ZERO_HASH, Address, Hash32
from genesis.addresses import (
    BEACON_ROOTS,
    HISTORY_STORAGE,
    L2_TO_L1_MESSAGE_PASSER,
    SYSTEM_ADDRESS,
)
from genesis.config import ChainConfig
from genesis.upgrades import CREATE2_DEPLOYER, create2_deployer_code

from .environment import BlockEnvironment, BlockHashOf, Message, Outcome
from .errors import Fault, InvalidAttributes, InvalidTransaction
from .fees import FeeParameters, blob_base_fee, next_base_fee, next_excess_blob_gas
from .forks import NO_LIMIT, OptimismRules, RuleSet, mined_rules, rules_at
from .pyevm.dao import DAO_ACCOUNTS, DAO_REFUND
from .pyevm.machine import Machine
from .requests import DEPOSIT_CONTRACT, block_requests, requests_hash
from .tracing import Tracer
from .transition import Applied, Transition

SYSTEM_CALL_GAS = 30_000_000
GWEI = 10**9
_HEADER_BYTES = 1_024
_WITHDRAWAL_BYTES = 64
_RLP_PREFIX_BYTES = 9
"""At most, each: a block may stay a little below the bound on its size."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a block of proof of work has that a later one has not.

    `nonce` and the mix hash (`prev_randao` of the attributes) are its seal, which is not checked.
    `difficulty` None follows from the parent.
    """

    nonce: bytes = bytes(8)
    ommers: tuple[Header, ...] = ()
    difficulty: int | None = None


@dataclass(frozen=True, slots=True)
class PayloadAttributes:
    """What a new block is told from outside. Time in seconds, gas in gas units.

    `transactions` all have to go in, in that order, before anything from a pool.
    `eip1559_params` is (denominator, elasticity) for this block's extraData on an L2; (0, 0) stands
    for the chain's own. `min_base_fee`, in wei per gas, goes with them from Jovian on, None for 0.
    `extra_data` overrides both, and is the extraData of an L1 block.
    """

    parent_hash: Hash32
    timestamp: int
    prev_randao: Hash32
    fee_recipient: Address
    gas_limit: int
    parent_beacon_block_root: Hash32 = ZERO_HASH
    transactions: tuple[Transaction, ...] = ()
    eip1559_params: tuple[int, int] | None = None
    min_base_fee: int | None = None
    extra_data: bytes | None = None
    withdrawals: tuple[Withdrawal, ...] = ()
    """Payouts of the beacon chain to an L1 (EIP-4895); an L2 has none."""
    work: Work | None = None
    """Set for a block of proof of work, which no builder here makes."""


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """A sealed block with everything that has to be kept of it.

    `state` stands at the block's state root and may serve for the next block; `state_changes` are
    the trie nodes and codes that have to be stored to open that root again. `requests` are what an
    L1 block asks of the beacon chain (EIP-7685), each with its type byte.
    """

    block: Block
    receipts: tuple[Receipt, ...]
    senders: tuple[Address, ...]
    state_changes: StateChanges
    state: State = field(repr=False, compare=False)
    requests: tuple[bytes, ...] = ()

    @property
    def header(self) -> Header:
        """The block's header."""
        return self.block.header


class BlockExecution:
    """A block in the making, on top of `parent` and its state.

    The state is changed in place and is the caller's to drop if the block is given up. Raises
    InvalidAttributes, and InvalidExtraData where the parent's fee parameters are malformed.
    """

    def __init__(
        self,
        config: ChainConfig,
        parent: Header,
        attributes: PayloadAttributes,
        state: State,
        *,
        block_hash: BlockHashOf,
    ) -> None:
        if config.is_optimism and attributes.withdrawals:
            raise InvalidAttributes(
                f"child of block {parent.number}: {len(attributes.withdrawals)} withdrawals, "
                "an L2 has none"
            )
        self._config = config
        self._parent = parent
        self._attributes = attributes
        self._state = state
        self.environment = block_environment(config, parent, attributes, block_hash)
        self._rules = self.environment.rules
        self._difficulty = _difficulty(self._rules, parent, attributes)
        self._excess_blob_gas = next_excess_blob_gas(config, parent, attributes.timestamp)
        self._begin()
        self._transition = Transition(state, self.environment)
        self._transactions: list[Transaction] = []
        self._senders: list[Address] = []
        self._receipts: list[Receipt] = []
        self.gas_used = 0
        self._blob_gas_used = 0
        self._da_footprint = 0
        self._size_bytes = _HEADER_BYTES + _WITHDRAWAL_BYTES * len(attributes.withdrawals)

    @property
    def gas_left(self) -> int:
        """Gas of the block that is not used yet."""
        return self.environment.gas_limit - self.gas_used

    def add(self, tx: Transaction, sender: Address, tracer: Tracer | None = None) -> Applied:
        """Apply a transaction and put it into the block; `tracer` hears how it goes.

        Raises InvalidTransaction, changing nothing.
        """
        transition = self._transition
        if tracer is not None:
            transition = Transition(self._state, self.environment, tracer=tracer)
        blob_gas_left = self._rules.max_blob_gas - self._blob_gas_used
        footprint = self._footprint_of(tx, transition)
        applied = transition.apply(tx, sender, self.gas_left, blob_gas_left)
        self._da_footprint += footprint
        self.gas_used += applied.gas_used
        self._blob_gas_used += applied.blob_gas_used
        if self._rules.max_block_bytes != NO_LIMIT:
            self._size_bytes += len(tx.encode()) + _RLP_PREFIX_BYTES
        self._transactions.append(tx)
        self._senders.append(sender)
        self._receipts.append(self._receipt(tx, applied))
        return applied

    def _footprint_of(self, tx: Transaction, transition: Transition) -> int:
        """What the transaction adds to the block's DA footprint. Raises InvalidTransaction."""
        optimism = self._rules.optimism
        if optimism is None or not optimism.has_da_footprint:
            return 0
        footprint = transition.da_footprint(tx)
        left = self.environment.gas_limit - self._da_footprint
        if footprint > left:
            raise InvalidTransaction(Fault.DA_FOOTPRINT_REACHED, f"have {left}, want {footprint}")
        return footprint

    def _receipt(self, tx: Transaction, applied: Applied) -> Receipt:
        nonce = version = None
        optimism, has_status = self._rules.optimism, self._rules.has_status_receipts
        if optimism is not None and optimism.has_deposit_nonce:
            nonce = applied.deposit_nonce
            version = None if nonce is None else optimism.deposit_receipt_version
        return Receipt(
            type=tx.type,
            succeeded=applied.outcome.succeeded,
            cumulative_gas_used=self.gas_used,
            logs=applied.outcome.logs,
            deposit_nonce=nonce,
            deposit_receipt_version=version,
            state_root=None if has_status else self._state.compute_root(),
        )

    def add_candidate(self, tx: Transaction, sender: Address) -> Applied:
        """Apply a transaction that need not go in, if there is room for it (EIP-7934).

        Raises InvalidTransaction, changing nothing.
        """
        limit = self._rules.max_block_bytes
        if limit != NO_LIMIT:
            size = self._size_bytes + len(tx.encode()) + _RLP_PREFIX_BYTES
            if size > limit:
                raise InvalidTransaction(Fault.BLOCK_SIZE_REACHED, f"have {limit}, want {size}")
        return self.add(tx, sender)

    def add_forced(self) -> None:
        """Put in every transaction of the attributes. Raises InvalidTransaction with the index."""
        for index, tx in enumerate(self._attributes.transactions):
            try:
                self.add(tx, _sender(tx, self._rules))
            except InvalidTransaction as error:
                raise error.at(index) from error

    def seal(self) -> ExecutionResult:
        """Close the block: roots, header, and the changes that have to be stored.

        Raises InvalidRequests where an L1 block's requests cannot be made out.
        """
        self._state.begin_transaction()
        for payout in self._attributes.withdrawals:
            if payout.amount_gwei:
                balance = self._state.get_balance(payout.address) + payout.amount_gwei * GWEI
                self._state.set_balance(payout.address, balance)
        requests = self._requests()
        self._reward()
        self._state.begin_transaction()
        changes = self._state.take_changes()
        header = self._header(
            changes.root, requests_hash(requests) if self._rules.has_requests else None
        )
        withdrawals = self._attributes.withdrawals if self._rules.has_withdrawals else None
        ommers = self._attributes.work.ommers if self._attributes.work is not None else ()
        block = Block(header, tuple(self._transactions), withdrawals, ommers)
        receipts, senders = tuple(self._receipts), tuple(self._senders)
        return ExecutionResult(block, receipts, senders, changes, self._state, requests)

    def _begin(self) -> None:
        """The system calls at the start of a block; each does nothing where its contract is not."""
        if self.environment.number == self._config.fork_block("daoForkBlock"):
            self._move_dao()
        if self._is_first_of_canyon():
            self._state.set_code(CREATE2_DEPLOYER, create2_deployer_code())
        if self._rules.has_beacon_root:
            self._system_call(BEACON_ROOTS, self._attributes.parent_beacon_block_root)
        if self._rules.has_parent_hashes:
            self._system_call(HISTORY_STORAGE, self._parent.hash)

    def _system_call(self, contract: Address, data: bytes = b"") -> Outcome | None:
        """Run a system contract outside the block's gas; None where there is no such contract."""
        if not self._state.get_code(contract):
            return None
        self._state.begin_transaction()
        machine = Machine(self._state, self.environment)
        return machine.run(Message(SYSTEM_ADDRESS, contract, 0, data, SYSTEM_CALL_GAS, 0))

    def _is_first_of_canyon(self) -> bool:
        """Whether this block brings the code of the create2Deployer (predeploys.md)."""
        forks = self._config.forks
        return (
            self._config.is_optimism
            and forks.is_active("canyon", self._attributes.timestamp)
            and not forks.is_active("canyon", self._parent.timestamp)
        )

    def _move_dao(self) -> None:
        """The one change of state that no transaction made (EIP-779)."""
        state = self._state
        for account in DAO_ACCOUNTS:
            balance = state.get_balance(DAO_REFUND) + state.get_balance(account)
            state.set_balance(DAO_REFUND, balance)
            state.set_balance(account, 0)

    def _reward(self) -> None:
        """Pay the miner and the ommers of a block of proof of work."""
        rules, work = self._rules.work, self._attributes.work
        if rules is None or work is None:
            return
        state, block = self._state, self.environment
        for address, wei in rules.rewards(block.number, block.coinbase, work.ommers):
            state.set_balance(address, state.get_balance(address) + wei)

    def _requests(self) -> tuple[bytes, ...]:
        if not self._rules.has_requests or self._rules.optimism is not None:
            return ()
        contract = self._config.deposit_contract
        if contract is None:
            contract = DEPOSIT_CONTRACT
        return tuple(block_requests(self._receipts, self._system_call, contract))

    def _header(self, state_root: Hash32, requests: Hash32 | None) -> Header:
        attributes, environment, rules = self._attributes, self.environment, self._rules
        work = attributes.work or Work()
        return Header(
            parent_hash=self._parent.hash,
            beneficiary=environment.coinbase,
            state_root=state_root,
            transactions_root=transactions_root([tx.encode() for tx in self._transactions]),
            receipts_root=receipts_root(self._receipts),
            logs_bloom=logs_bloom(log for receipt in self._receipts for log in receipt.logs),
            number=environment.number,
            gas_limit=environment.gas_limit,
            gas_used=self.gas_used,
            timestamp=environment.timestamp,
            extra_data=_extra_data(self._config, attributes, rules.optimism),
            prev_randao=attributes.prev_randao,
            difficulty=self._difficulty,
            ommers_hash=ommers_hash(work.ommers),
            nonce=work.nonce,
            base_fee_per_gas=environment.base_fee if rules.has_base_fee else None,
            withdrawals_root=self._withdrawals_root(),
            blob_gas_used=(
                None if rules.blobs is None else self._blob_gas_used + self._da_footprint
            ),
            excess_blob_gas=None if rules.blobs is None else self._excess_blob_gas,
            parent_beacon_block_root=(
                attributes.parent_beacon_block_root if rules.has_beacon_root else None
            ),
            requests_hash=requests,
        )

    def _withdrawals_root(self) -> Hash32 | None:
        if not self._rules.has_withdrawals:
            return None
        optimism = self._rules.optimism
        if optimism is not None and optimism.has_message_passer_root:
            return self._state.storage_root(L2_TO_L1_MESSAGE_PASSER)
        return withdrawals_root(self._attributes.withdrawals)


def execute_block(
    config: ChainConfig,
    parent: Header,
    attributes: PayloadAttributes,
    state: State,
    *,
    block_hash: BlockHashOf,
) -> ExecutionResult:
    """Execute the transactions of the attributes on `state`, which must stand at the parent's root.

    `block_hash` gives ancestors' hashes by number. Raises InvalidTransaction with the index of one
    that cannot go in, and InvalidExtraData where the parent's fee parameters are malformed.
    """
    execution = BlockExecution(config, parent, attributes, state, block_hash=block_hash)
    execution.add_forced()
    return execution.seal()


def block_environment(
    config: ChainConfig,
    parent: Header,
    attributes: PayloadAttributes,
    block_hash: BlockHashOf,
) -> BlockEnvironment:
    """What the transactions of the child of `parent` see. Raises UnsupportedFork."""
    randao = attributes.prev_randao
    if attributes.work is None:
        rules = rules_at(config, attributes.timestamp)
    else:
        rules = mined_rules(config, parent.number + 1)
        randao = Hash32(_difficulty(rules, parent, attributes).to_bytes(32, "big"))
    excess = next_excess_blob_gas(config, parent, attributes.timestamp)
    return BlockEnvironment(
        chain_id=config.chain_id,
        number=parent.number + 1,
        timestamp=attributes.timestamp,
        coinbase=attributes.fee_recipient,
        prev_randao=randao,
        gas_limit=attributes.gas_limit,
        base_fee=next_base_fee(config, parent, attributes.timestamp),
        blob_base_fee=blob_base_fee(excess, rules.blobs),
        block_hash=block_hash,
        rules=rules,
    )


def _extra_data(
    config: ChainConfig, attributes: PayloadAttributes, optimism: OptimismRules | None
) -> bytes:
    if attributes.extra_data is not None:
        return attributes.extra_data
    if optimism is None or not optimism.has_fee_parameters:
        return b""
    denominator, elasticity = config.eip1559_params(*(attributes.eip1559_params or (0, 0)))
    least = (attributes.min_base_fee or 0) if optimism.has_min_base_fee else None
    return FeeParameters(denominator, elasticity, least).encode()


def _difficulty(rules: RuleSet, parent: Header, attributes: PayloadAttributes) -> int:
    """The difficulty of a block of proof of work; 0 after the merge."""
    if rules.work is None or attributes.work is None:
        return 0
    given = attributes.work.difficulty
    return rules.work.difficulty(parent, attributes.timestamp) if given is None else given


def _sender(tx: Transaction, rules: RuleSet) -> Address:
    try:
        return recover_sender(tx, low_s=rules.has_low_s)
    except InvalidSignature as error:
        raise InvalidTransaction(Fault.SIGNATURE, str(error)) from error
