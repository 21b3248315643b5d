"""eth_ methods that read state or run code without changing anything."""

from __future__ import annotations

from dataclasses import replace

from chain.state import State
from chain.trie import MissingNode
from chain.types import ZERO_ADDRESS, Address
from evm.call import BlockOverride
from evm.errors import UnknownBlock

from . import errors, parameters
from .access_list import AccessListTracer
from .backend import Backend
from .calls import block_override, raise_if_failed
from .errors import RpcError
from .hexadecimal import data, quantity, word
from .jsonrpc import Parameter, rpc
from .parameters import LATEST, AccountOverride, BlockId, TransactionArguments
from .serialise import Json, access_list_json

_ADDRESS = Parameter("address", parameters.address)
_BLOCK = Parameter("block", parameters.block_id, LATEST)
_REQUEST = Parameter("transaction", parameters.transaction_arguments)
_STATE_OVERRIDES = Parameter("state overrides", parameters.state_overrides, {})
_BLOCK_OVERRIDES = Parameter("block overrides", block_override, BlockOverride())
_MAX_PROOF_SLOTS = 1024


class StateNamespace:
    """eth_getBalance and its kin, eth_getProof, eth_call, eth_estimateGas, gas prices."""

    def __init__(self, backend: Backend) -> None:
        """Read through the backend."""
        self._backend = backend

    @rpc("eth_getBalance", _ADDRESS, _BLOCK)
    def get_balance(self, account: Address, block: BlockId) -> str:
        """Balance in wei."""
        return quantity(self._backend.state(block).get_balance(account))

    @rpc("eth_getCode", _ADDRESS, _BLOCK)
    def get_code(self, account: Address, block: BlockId) -> str:
        """Code, 0x where there is none."""
        return data(self._backend.state(block).get_code(account))

    @rpc("eth_getStorageAt", _ADDRESS, Parameter("slot", parameters.storage_slot), _BLOCK)
    def get_storage_at(self, account: Address, slot: int, block: BlockId) -> str:
        """One storage slot as a 32-byte word."""
        return word(self._backend.state(block).get_storage(account, slot))

    @rpc("eth_getStorageValues", Parameter("slots", parameters.storage_request), _BLOCK,
         heavy=True)  # fmt: skip
    def get_storage_values(
        self, wanted: dict[Address, tuple[int, ...]], block: BlockId
    ) -> dict[str, list[str]]:
        """Storage slots of several accounts as 32-byte words."""
        count = sum(len(slots) for slots in wanted.values())
        if count > _MAX_PROOF_SLOTS:
            raise errors.limit_exceeded(f"too many slots: {count}, limit {_MAX_PROOF_SLOTS}")
        state = self._backend.fresh_state(block)
        return {
            data(account): [word(state.get_storage(account, slot)) for slot in slots]
            for account, slots in wanted.items()
        }

    @rpc("eth_getTransactionCount", _ADDRESS, _BLOCK)
    def get_transaction_count(self, account: Address, block: BlockId) -> str:
        """The account's nonce; `pending` counts what waits in the pool."""
        nonce = self._backend.state(block).get_nonce(account)
        if block.tag == "pending":
            nonce = max(nonce, self._backend.pool.pending_nonce(account) or 0)
        return quantity(nonce)

    @rpc("eth_getProof", _ADDRESS, Parameter("slots", parameters.storage_slots, ()), _BLOCK,
         heavy=True)  # fmt: skip
    def get_proof(
        self, account: Address, slots: tuple[tuple[int, str], ...], block: BlockId
    ) -> Json:
        """EIP-1186: the account and storage slots with their Merkle proofs."""
        if len(slots) > _MAX_PROOF_SLOTS:
            raise errors.limit_exceeded(f"too many keys: {len(slots)}, limit {_MAX_PROOF_SLOTS}")
        header = self._backend.resolve(block)
        try:
            return _proof(self._backend.engine.state_at(header), account, slots)
        except (UnknownBlock, MissingNode) as error:
            raise RpcError(
                errors.SERVER_ERROR,
                f"no proof at block {header.number}: its state is not kept here ({error})",
            ) from error

    @rpc("eth_call", _REQUEST, _BLOCK, _STATE_OVERRIDES, _BLOCK_OVERRIDES, heavy=True)
    def call(
        self,
        request: TransactionArguments,
        block: BlockId,
        overrides: dict[Address, AccountOverride],
        block_overrides: BlockOverride,
    ) -> str:
        """Run a call on a copy of the state; a revert is error 3 with its output as data."""
        header = self._backend.resolve(block)
        result = self._backend.calls.call(request, header, overrides, block_overrides)
        raise_if_failed(result)
        return data(result.output)

    @rpc("eth_estimateGas", _REQUEST, _BLOCK, _STATE_OVERRIDES, _BLOCK_OVERRIDES, heavy=True)
    def estimate_gas(
        self,
        request: TransactionArguments,
        block: BlockId,
        overrides: dict[Address, AccountOverride],
        block_overrides: BlockOverride,
    ) -> str:
        """The smallest gas limit with which the transaction succeeds."""
        header = self._backend.resolve(block)
        return quantity(
            self._backend.calls.estimate_gas(request, header, overrides, block_overrides)
        )

    @rpc("eth_createAccessList", _REQUEST, _BLOCK, heavy=True)
    def create_access_list(self, request: TransactionArguments, block: BlockId) -> Json:
        """The accounts and slots a transaction touches, and its gas with them in the list."""
        header = self._backend.resolve(block)
        warm = {request.sender or ZERO_ADDRESS, header.beneficiary}
        warm |= {request.to} if request.to is not None else set()
        tracer = AccessListTracer()
        self._backend.calls.trace(request, header, tracer)
        listed = replace(request, access_list=tuple(tracer.entries(warm)))
        outcome, gas_used = self._backend.calls.trace(listed, header, AccessListTracer())
        body: Json = {
            "accessList": access_list_json(listed.access_list),
            "gasUsed": quantity(gas_used),
        }
        if outcome.error is not None:
            body["error"] = outcome.error
        return body

    @rpc("eth_baseFee")
    def base_fee(self) -> str:
        """Base fee of the next block, wei per gas."""
        return quantity(self._backend.next_base_fee())

    @rpc("eth_gasPrice")
    def gas_price(self) -> str:
        """A base fee that the head and the next block both accept, plus a tip.

        A client that prices by this runs its eth_estimateGas on the head, so the next base fee
        alone is too little while fees fall.
        """
        backend = self._backend
        base_fee = max(backend.head().base_fee_per_gas or 0, backend.next_base_fee())
        return quantity(base_fee + backend.suggested_tip())

    @rpc("eth_maxPriorityFeePerGas")
    def max_priority_fee_per_gas(self) -> str:
        """A tip that gets a transaction mined."""
        return quantity(self._backend.suggested_tip())

    @rpc("eth_blobBaseFee")
    def blob_base_fee(self) -> str:
        """Price of blob gas in the next block, wei."""
        fee = self._backend.blob_base_fee()
        if fee is None:
            raise RpcError(errors.UNSUPPORTED, "blobs are not supported on this chain")
        return quantity(fee)


def _proof(state: State, account: Address, slots: tuple[tuple[int, str], ...]) -> Json:
    """The answer of eth_getProof. Raises MissingNode."""
    proofs = state.prove_storage(account, [slot for slot, _ in slots])
    return {
        "address": data(account),
        "accountProof": [data(node) for node in state.prove_account(account)],
        "balance": quantity(state.get_balance(account)),
        "codeHash": data(state.get_code_hash(account)),
        "nonce": quantity(state.get_nonce(account)),
        "storageHash": data(state.storage_root(account)),
        "storageProof": [
            {
                "key": key,
                "value": quantity(state.get_storage(account, slot)),
                "proof": [data(node) for node in proof],
            }
            for (slot, key), proof in zip(slots, proofs, strict=True)
        ],
    }
