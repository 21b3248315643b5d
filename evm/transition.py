"""One transaction applied to a state: checks, payment, execution, refunds and fees.

Ethereum's rules, and on an L2 the OP Stack's on top: deposits, data fee, operator fee and fee
vaults. Which of them hold is read off the block's rule set. Sources: EELS prague
`process_transaction`; specs protocol/deposits.md, {isthmus,jovian}/exec-engine.md. Blocks, receipts
and where transactions come from are the executor's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chain import rlp
from chain.crypto.keccak import keccak256
from chain.state import State
from chain.transaction import (
    BlobTransaction,
    DepositTransaction,
    LegacyTransaction,
    SetCodeTransaction,
    SignedTransaction,
    Transaction,
    fee_cap_wei,
    tip_cap_wei,
)
from chain.types import Address
from genesis.addresses import BASE_FEE_VAULT, L1_FEE_VAULT, OPERATOR_FEE_VAULT

from .delegation import apply_authorizations, delegation_of
from .environment import BlockEnvironment, Message, Outcome
from .errors import Fault, InvalidTransaction
from .fees import L1FeeParameters, l1_attributes, l1_fee
from .forks import GAS_PER_BLOB, OptimismRules, RuleSet
from .intrinsic_gas import gas_of
from .pyevm.machine import Machine
from .tracing import Tracer

KZG_VERSION: Final = 1
MAX_NONCE: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Applied:
    """A transaction that is now part of the state: how it ended and what it has used, in gas.

    `deposit_nonce` is the sender's nonce before a deposit, None for other kinds.
    """

    outcome: Outcome
    gas_used: int
    blob_gas_used: int = 0
    deposit_nonce: int | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """What a transaction costs its sender, in wei or wei per gas."""

    gas_price: int
    fee_cap: int
    tip: int
    blob_fee: int
    data_fee: int
    operator: L1FeeParameters | None

    def operator_fee(self, gas: int) -> int:
        """Isthmus operator fee in wei for that much gas; 0 where there is none."""
        return self.operator.operator_fee(gas) if self.operator is not None else 0


# Rare kinds are told apart by `type(...) is`: for an abstract class isinstance costs ten times as
# much wherever the answer is no, and the kinds have no subclasses.
class Transition:
    """Applies the transactions of one block, in order, to one state."""

    def __init__(
        self,
        state: State,
        block: BlockEnvironment,
        *,
        tracer: Tracer | None = None,
    ) -> None:
        self._state = state
        self._block = block
        self._rules = block.rules
        self._optimism = block.rules.optimism
        self._tracer = tracer
        self._machine = Machine(state, block, tracer=tracer)
        # op-geth reads the prices once a block, at the first transaction that pays them.
        self._prices: L1FeeParameters | None = None

    def apply(
        self, tx: Transaction, sender: Address, gas_available: int, blob_gas_available: int
    ) -> Applied:
        """Apply one transaction; `gas_available` is what is left of the block's gas.

        Raises InvalidTransaction with the state untouched.
        """
        self._state.begin_transaction()
        if self._tracer is not None:
            self._tracer.begin(tx.gas_limit)
        if isinstance(tx, DepositTransaction):
            return self._apply_deposit(tx, gas_available)
        intrinsic, floor = self._check(tx, gas_available, blob_gas_available)
        payment = self._price(tx)
        self._check_sender(tx, sender, payment)
        self._pay(tx, sender, payment)
        outcome, gas_used = self._run(tx, sender, intrinsic, floor, payment.gas_price)
        self._settle(tx, sender, payment, gas_used)
        self._finish(outcome)
        return Applied(outcome, gas_used, _blob_gas(tx))

    def da_footprint(self, tx: Transaction) -> int:
        """Gas that a transaction takes of the block's room on L1; a deposit takes none (Jovian)."""
        if self._optimism is None or isinstance(tx, DepositTransaction):
            return 0
        return self._l1_prices(self._optimism).da_footprint(tx.encode())

    def _l1_prices(self, optimism: OptimismRules) -> L1FeeParameters:
        if self._prices is None:
            self._prices = l1_attributes(self._state.get_storage, optimism)
        return self._prices

    # -- checks -----------------------------------------------------------------------------------

    def _check(
        self, tx: SignedTransaction, gas_available: int, blob_gas_available: int
    ) -> tuple[int, int]:
        """Everything that does not depend on the sender; returns intrinsic and floor gas."""
        if tx.type not in self._rules.transaction_types:
            raise InvalidTransaction(Fault.TYPE_NOT_SUPPORTED)
        if tx.chain_id is not None and not self._rules.has_replay_protection:
            raise InvalidTransaction(
                Fault.SIGNATURE, f"it names chain {tx.chain_id}, which only EIP-155 allows"
            )
        if tx.chain_id is not None and tx.chain_id != self._block.chain_id:
            raise InvalidTransaction(
                Fault.CHAIN_ID, f"have {tx.chain_id} want {self._block.chain_id}"
            )
        if tx.gas_limit > gas_available:
            raise InvalidTransaction(
                Fault.GAS_LIMIT_REACHED, f"have {gas_available}, want {tx.gas_limit}"
            )
        if type(tx) is BlobTransaction:
            self._check_blobs(tx, blob_gas_available)
        if type(tx) is SetCodeTransaction and not tx.authorization_list:
            raise InvalidTransaction(Fault.EMPTY_AUTHORIZATIONS)
        return self._check_gas(tx)

    def _check_gas(self, tx: SignedTransaction) -> tuple[int, int]:
        rules = self._rules
        limit = rules.machine.max_init_code_size
        if tx.to is None and len(tx.data) > limit:
            raise InvalidTransaction(
                Fault.INIT_CODE_SIZE, f"code size {len(tx.data)} limit {limit}"
            )
        if tx.gas_limit > rules.max_transaction_gas:
            raise InvalidTransaction(
                Fault.GAS_LIMIT_TOO_HIGH, f"cap: {rules.max_transaction_gas}, tx: {tx.gas_limit}"
            )
        intrinsic, floor = gas_of(tx, rules)
        if tx.gas_limit < intrinsic:
            raise InvalidTransaction(Fault.INTRINSIC_GAS, f"have {tx.gas_limit}, want {intrinsic}")
        if tx.gas_limit < floor:
            raise InvalidTransaction(Fault.FLOOR_DATA_GAS, f"have {tx.gas_limit}, want {floor}")
        return intrinsic, floor

    def _check_blobs(self, tx: BlobTransaction, blob_gas_available: int) -> None:
        hashes = tx.blob_versioned_hashes
        if not hashes:
            raise InvalidTransaction(Fault.BAD_BLOB_HASHES, "missing blob hashes")
        for index, blob_hash in enumerate(hashes):
            if blob_hash[0] != KZG_VERSION:
                raise InvalidTransaction(
                    Fault.BAD_BLOB_HASHES, f"blob {index} has invalid hash version {blob_hash[0]}"
                )
        if len(hashes) > self._rules.max_blobs_per_transaction:
            raise InvalidTransaction(
                Fault.TOO_MANY_BLOBS,
                f"have {len(hashes)}, permitted {self._rules.max_blobs_per_transaction}",
            )
        if _blob_gas(tx) > min(blob_gas_available, self._rules.max_blob_gas):
            raise InvalidTransaction(
                Fault.BLOB_GAS_LIMIT_REACHED, f"have {blob_gas_available}, want {_blob_gas(tx)}"
            )
        if tx.max_fee_per_blob_gas < self._block.blob_base_fee:
            raise InvalidTransaction(
                Fault.BLOB_FEE_CAP_TOO_LOW,
                f"blobGasFeeCap: {tx.max_fee_per_blob_gas}, "
                f"blobBaseFee: {self._block.blob_base_fee}",
            )

    def _price(self, tx: SignedTransaction) -> Payment:
        """Prices at this block's base fee. Raises InvalidTransaction where the caps do not fit."""
        base_fee, fee_cap, tip_cap = self._block.base_fee, fee_cap_wei(tx), tip_cap_wei(tx)
        if tip_cap > fee_cap:
            raise InvalidTransaction(
                Fault.TIP_ABOVE_FEE_CAP,
                f"maxPriorityFeePerGas: {tip_cap}, maxFeePerGas: {fee_cap}",
            )
        if fee_cap < base_fee:
            raise InvalidTransaction(
                Fault.FEE_CAP_TOO_LOW, f"maxFeePerGas: {fee_cap}, baseFee: {base_fee}"
            )
        tip = min(tip_cap, fee_cap - base_fee)
        blob_fee = _blob_gas(tx) * self._block.blob_base_fee
        if self._optimism is None:
            return Payment(base_fee + tip, fee_cap, tip, blob_fee, 0, None)
        prices = self._l1_prices(self._optimism)
        data_fee = l1_fee(prices, tx.encode())
        return Payment(base_fee + tip, fee_cap, tip, 0, data_fee, prices)

    def _check_sender(self, tx: SignedTransaction, sender: Address, payment: Payment) -> None:
        self._check_nonce(tx, sender)
        code = self._state.get_code(sender)
        if code and not (self._rules.machine.has_delegations and delegation_of(code)):
            raise InvalidTransaction(
                Fault.SENDER_NOT_EOA, f"address 0x{sender.hex()}, len(code): {len(code)}"
            )
        self._check_funds(tx, sender, payment)

    def _check_nonce(self, tx: SignedTransaction, sender: Address) -> None:
        nonce = self._state.get_nonce(sender)
        if tx.nonce != nonce:
            low = tx.nonce < nonce
            raise InvalidTransaction(
                Fault.NONCE_TOO_LOW if low else Fault.NONCE_TOO_HIGH,
                f"address 0x{sender.hex()}, tx: {tx.nonce} state: {nonce}",
            )
        if nonce >= MAX_NONCE:
            raise InvalidTransaction(
                Fault.NONCE_MAX, f"address 0x{sender.hex()}, nonce: {tx.nonce}"
            )

    def _check_funds(self, tx: SignedTransaction, sender: Address, payment: Payment) -> None:
        most = tx.gas_limit * payment.fee_cap + tx.value + payment.data_fee
        most += payment.operator_fee(tx.gas_limit)
        if type(tx) is BlobTransaction:
            most += _blob_gas(tx) * tx.max_fee_per_blob_gas
        balance = self._state.get_balance(sender)
        if balance < most:
            raise InvalidTransaction(
                Fault.INSUFFICIENT_FUNDS, f"address 0x{sender.hex()} have {balance} want {most}"
            )

    # -- money and execution ----------------------------------------------------------------------

    def _pay(self, tx: SignedTransaction, sender: Address, payment: Payment) -> None:
        """Take the most that this run can cost; what is not used comes back in `_settle`."""
        cost = tx.gas_limit * payment.gas_price + payment.blob_fee + payment.data_fee
        cost += payment.operator_fee(tx.gas_limit)
        self._state.spend(sender, cost, tx.nonce + 1)

    def _run(
        self, tx: SignedTransaction, sender: Address, intrinsic: int, floor: int, gas_price: int
    ) -> tuple[Outcome, int]:
        """Run the message; the outcome and the gas used after refunds and floor."""
        refund = 0
        if not isinstance(tx, LegacyTransaction):
            for address, slots in tx.access_list:
                self._state.warm_address(address)
                for slot in slots:
                    self._state.warm_slot(address, slot)
        if type(tx) is SetCodeTransaction:
            refund = apply_authorizations(self._state, tx.authorization_list, self._block.chain_id)
        outcome = self._machine.run(
            Message(
                sender=sender,
                to=tx.to,
                value=tx.value,
                data=tx.data,
                gas=tx.gas_limit - intrinsic,
                gas_price=gas_price,
                create_address=create_address(sender, tx.nonce) if tx.to is None else None,
                blob_hashes=tx.blob_versioned_hashes if type(tx) is BlobTransaction else (),
            )
        )
        return outcome, gas_after_refund(self._rules, tx.gas_limit, outcome, refund, floor)

    def _settle(
        self, tx: SignedTransaction, sender: Address, payment: Payment, gas_used: int
    ) -> None:
        """Give the sender what was not used and everyone else their part."""
        back = (tx.gas_limit - gas_used) * payment.gas_price
        back += payment.operator_fee(tx.gas_limit) - payment.operator_fee(gas_used)
        self._credit(sender, back)
        self._credit(self._block.coinbase, gas_used * payment.tip)
        if self._optimism is not None:
            self._credit(BASE_FEE_VAULT, gas_used * self._block.base_fee)
            self._credit(L1_FEE_VAULT, payment.data_fee)
            if self._optimism.has_operator_fee:
                self._credit(OPERATOR_FEE_VAULT, payment.operator_fee(gas_used))

    def _credit(self, address: Address, amount: int) -> None:
        state = self._state
        if amount:
            state.add_balance(address, amount)
        elif not self._rules.machine.clears_empty_accounts:
            state.touch(address)
        elif state.is_empty(address) and state.account_exists(address):
            state.delete_account(address)  # EIP-161: it was touched

    def _finish(self, outcome: Outcome) -> None:
        for address in outcome.destroyed:
            self._state.delete_account(address)

    # -- deposits ---------------------------------------------------------------------------------

    def _apply_deposit(self, tx: DepositTransaction, gas_available: int) -> Applied:
        """Mint first, whatever comes; a deposit that cannot run still takes all its gas.

        Before Regolith each takes all of it, and a system transaction none of the block's.
        """
        optimism = self._optimism
        if optimism is None or tx.type not in self._rules.transaction_types:
            raise InvalidTransaction(Fault.TYPE_NOT_SUPPORTED)
        is_early = optimism.has_system_transactions
        is_system = is_early and tx.is_system_transaction
        if tx.gas_limit > gas_available and not is_system:
            raise InvalidTransaction(
                Fault.GAS_LIMIT_REACHED, f"have {gas_available}, want {tx.gas_limit}"
            )
        state = self._state
        self._credit(tx.sender, tx.mint)
        nonce = state.get_nonce(tx.sender)
        intrinsic, floor = gas_of(tx, self._rules)
        reason = self._why_not(tx, max(intrinsic, floor), optimism)
        state.set_nonce(tx.sender, nonce + 1)
        all_gas = 0 if is_system else tx.gas_limit
        if reason is not None:
            outcome = Outcome(b"", 0, 0, (), (), f"failed deposit: {reason}")
            return Applied(outcome, all_gas, deposit_nonce=nonce)
        outcome = self._machine.run(
            Message(
                sender=tx.sender,
                to=tx.to,
                value=tx.value,
                data=tx.data,
                gas=tx.gas_limit - intrinsic,
                gas_price=0,
                create_address=create_address(tx.sender, nonce) if tx.to is None else None,
            )
        )
        self._finish(outcome)
        if is_early:
            return Applied(outcome, all_gas, deposit_nonce=nonce)
        gas_used = gas_after_refund(self._rules, tx.gas_limit, outcome, 0, floor)
        return Applied(outcome, gas_used, deposit_nonce=nonce)

    def _why_not(
        self, tx: DepositTransaction, gas_wanted: int, optimism: OptimismRules
    ) -> str | None:
        """Why a deposit cannot run at all, or None. Regolith knows no system transactions."""
        if tx.is_system_transaction and not optimism.has_system_transactions:
            return f"system tx not supported: address 0x{tx.sender.hex()}"
        if tx.gas_limit < gas_wanted:
            return f"{Fault.INTRINSIC_GAS.value}: have {tx.gas_limit}, want {gas_wanted}"
        if tx.to is None and len(tx.data) > self._rules.machine.max_init_code_size:
            return f"{Fault.INIT_CODE_SIZE.value}: code size {len(tx.data)}"
        balance = self._state.get_balance(tx.sender)
        if balance < tx.value:
            return f"insufficient funds for transfer: have {balance} want {tx.value}"
        return None


def create_address(sender: Address, nonce: int) -> Address:
    """Where a creation by `sender` at `nonce` puts its code."""
    return Address(keccak256(rlp.encode([sender, rlp.encode_int(nonce)]))[12:])


def _blob_gas(tx: SignedTransaction) -> int:
    return GAS_PER_BLOB * len(tx.blob_versioned_hashes) if type(tx) is BlobTransaction else 0


def gas_after_refund(
    rules: RuleSet, gas_limit: int, outcome: Outcome, refund: int, floor: int
) -> int:
    """Gas used after the capped refund (EIP-3529) and not below the floor (EIP-7623)."""
    used = gas_limit - outcome.gas_left
    used -= min(used // rules.max_refund_quotient, refund + outcome.refund)
    return max(used, floor)
