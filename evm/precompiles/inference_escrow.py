"""Requests for paid answers: the caller's money, held from the question to the settlement.

A request names its adapter, its worker, the hash of its prompt and the most it may use; the prices
of that moment are kept with it. It ends once: settled by `proof_of_attribution` up to the deadline,
or refunded after it. It does not know who receives the fee.
Format: docs/protocol/inference-escrow.md.
"""

from __future__ import annotations

from chain.abi import encode
from chain.crypto.keccak import keccak256
from chain.types import ZERO_ADDRESS, Address, Hash32
from genesis.interfaces import (
    INFERENCE_ESCROW,
    MODEL_REGISTRY,
    PROOF_OF_ATTRIBUTION,
    WORKER_REGISTRY,
)

from . import gas
from .dispatch import NativePrecompile, call_native, emit
from .frame import Frame, refusal
from .mapping import mapping_slot
from .storage_layout import AddressField, Bytes32Field, Record, UintField

OPEN, SETTLED, REFUNDED = range(1, 4)
STATUS_NAMES = ("unknown", "open", "settled", "refunded")

_REQUESTS = 0  # slot of mapping request id => Request
_NONCES = 1  # slot of mapping account => number of requests it opened

_refuse = refusal("inference_escrow")


class Request(Record):
    """A request, at its place in the mapping of slot 0."""

    caller = AddressField(slot=0)
    deadline = UintField(slot=0, offset=20, size=8)
    status = UintField(slot=0, offset=28, size=1)
    adapter_id = Bytes32Field(slot=1)
    worker = AddressField(slot=2)
    max_input_tokens = UintField(slot=2, offset=20, size=8)
    prompt_hash = Bytes32Field(slot=3)
    input_price_wei = UintField(slot=4, size=16)
    output_price_wei = UintField(slot=4, offset=16, size=16)
    max_fee_wei = UintField(slot=5, size=24)
    max_output_tokens = UintField(slot=5, offset=24, size=8)


class Account(Record):
    """What is kept of an account, at its place in the mapping of slot 1."""

    nonce = UintField(slot=0)


def request_id(chain_id: int, escrow: Address, caller: Address, nonce: int) -> Hash32:
    """Identity of a request: no other chain, escrow, caller or moment gives the same."""
    types = ["uint256", "address", "address", "uint256"]
    return keccak256(encode(types, (chain_id, escrow, caller, nonce)))


def _request_id(frame: Frame, caller: Address, nonce: int) -> Hash32:
    frame.charge(gas.keccak(128), "request id")
    return request_id(frame.chain_id, frame.address, caller, nonce)


def _account(frame: Frame, account: Address) -> Account:
    return Account(frame, mapping_slot(frame, _NONCES, account))


def _request(frame: Frame, identity: Hash32) -> Request:
    """Find an existing request."""
    request = Request(frame, mapping_slot(frame, _REQUESTS, identity))
    if request.caller == ZERO_ADDRESS:
        raise _refuse(f"no request 0x{identity.hex()}")
    return request


def _require_open(request: Request, identity: Hash32) -> None:
    status = request.status
    if status != OPEN:
        raise _refuse(f"request 0x{identity.hex()} is {STATUS_NAMES[status]}, not open")


def open_request(
    frame: Frame,
    adapter_id: Hash32,
    worker: Address,
    prompt_hash: Hash32,
    max_input_tokens: int,
    max_output_tokens: int,
    deadline: int,
) -> tuple[Hash32]:
    """Ask an active worker for an answer of a registered adapter; the value sent covers the most.

    What the answer does not use goes back to the caller at settlement.
    """
    if deadline <= frame.timestamp:
        raise _refuse(f"deadline {deadline} is not after now, {frame.timestamp}")
    (active,) = call_native(frame, WORKER_REGISTRY, "isActive", worker)
    if not active:
        raise _refuse(f"0x{worker.hex()} is not an active worker")
    adapter = call_native(frame, MODEL_REGISTRY, "getAdapter", adapter_id)
    input_price_wei, output_price_wei = adapter[5], adapter[6]
    needed = max_input_tokens * input_price_wei + max_output_tokens * output_price_wei
    if frame.value < needed:
        raise _refuse(
            f"{frame.value} wei sent, {needed} needed for {max_input_tokens} input tokens at"
            f" {input_price_wei} and {max_output_tokens} output tokens at {output_price_wei}"
        )
    account = _account(frame, frame.caller)
    nonce = account.nonce
    account.nonce = nonce + 1
    identity = _request_id(frame, frame.caller, nonce)

    request = Request(frame, mapping_slot(frame, _REQUESTS, identity))
    request.caller = frame.caller
    request.deadline = deadline
    request.status = OPEN
    request.adapter_id = adapter_id
    request.worker = worker
    request.max_input_tokens = max_input_tokens
    request.prompt_hash = prompt_hash
    request.input_price_wei = input_price_wei
    request.output_price_wei = output_price_wei
    request.max_fee_wei = frame.value
    request.max_output_tokens = max_output_tokens
    emit(
        frame,
        INFERENCE_ESCROW,
        "RequestOpened",
        identity,
        frame.caller,
        adapter_id,
        worker,
        prompt_hash,
        max_input_tokens,
        max_output_tokens,
        deadline,
        frame.value,
    )
    return (identity,)


def refund(frame: Frame, identity: Hash32) -> None:
    """Give all of an open request's money back to its caller after the deadline. Anyone may."""
    request = _request(frame, identity)
    _require_open(request, identity)
    deadline = request.deadline
    if frame.timestamp <= deadline:
        raise _refuse(f"request 0x{identity.hex()} runs until {deadline}, now is {frame.timestamp}")
    request.status = REFUNDED
    refund_wei = request.max_fee_wei
    emit(frame, INFERENCE_ESCROW, "RequestRefunded", identity, refund_wei)
    frame.transfer(request.caller, refund_wei)


def settle(frame: Frame, identity: Hash32, fee_wei: int) -> None:
    """Send the fee to `proof_of_attribution`, which alone may call this, and the rest back."""
    if frame.caller != PROOF_OF_ATTRIBUTION.address:
        raise _refuse(
            f"settle is for 0x{PROOF_OF_ATTRIBUTION.address.hex()},"
            f" caller is 0x{frame.caller.hex()}"
        )
    request = _request(frame, identity)
    _require_open(request, identity)
    deadline, max_fee_wei = request.deadline, request.max_fee_wei
    if frame.timestamp > deadline:
        raise _refuse(f"request 0x{identity.hex()} ended at {deadline}, now is {frame.timestamp}")
    if fee_wei > max_fee_wei:
        raise _refuse(f"fee of {fee_wei} wei for request 0x{identity.hex()}, at most {max_fee_wei}")
    request.status = SETTLED
    refund_wei = max_fee_wei - fee_wei
    emit(frame, INFERENCE_ESCROW, "RequestSettled", identity, fee_wei, refund_wei)
    frame.transfer(frame.caller, fee_wei)
    if refund_wei:
        frame.transfer(request.caller, refund_wei)


def get_request(
    frame: Frame, identity: Hash32
) -> tuple[Address, Hash32, Address, Hash32, int, int, int, int, int]:
    """Read a request."""
    request = _request(frame, identity)
    return (
        request.caller,
        request.adapter_id,
        request.worker,
        request.prompt_hash,
        request.max_input_tokens,
        request.max_output_tokens,
        request.deadline,
        request.max_fee_wei,
        request.status,
    )


def prices_of(frame: Frame, identity: Hash32) -> tuple[int, int]:
    """Prices per token that hold for a request: those of the moment it was opened, in wei."""
    request = _request(frame, identity)
    return request.input_price_wei, request.output_price_wei


def nonce_of(frame: Frame, account: Address) -> tuple[int]:
    """Number of requests that an account opened; the nonce of its next one."""
    return (_account(frame, account).nonce,)


def request_id_of(frame: Frame, caller: Address, nonce: int) -> tuple[Hash32]:
    """Id that a caller's request has or will have."""
    return (_request_id(frame, caller, nonce),)


PRECOMPILE = NativePrecompile(
    INFERENCE_ESCROW,
    {
        "open": open_request,
        "refund": refund,
        "settle": settle,
        "getRequest": get_request,
        "pricesOf": prices_of,
        "nonceOf": nonce_of,
        "requestIdOf": request_id_of,
    },
)
