"""Paying for an answer: the signed statement of its worker becomes shares of the fee.

`settle` checks that the statement is of the worker that the caller chose, about the request that
the caller opened, and divides the fee: royalties off the top, the rest in basis points among
platform, host, stakers and contributors, the contributors' part in proportion to signed shares.
Each payment adds to an account's balance here, which its owner claims at any time in one transfer.
Whether the shares are right is not known here; they are signed, public and can be contested.
Wei in = wei out: what this account holds is the sum of the balances and of the held parts.
Format: docs/protocol/proof-of-attribution.md.
"""

from __future__ import annotations

from typing import Any

from chain.attestation import (
    SHARES_TOTAL_PPM,
    InferenceStatement,
    recover_signer,
    shares_leaf,
    shares_root,
)
from chain.crypto.merkle import verify_merkle
from chain.errors import StemmaError
from chain.split import (
    ADAPTER_OWNER,
    BASE_OWNER,
    CONTRIBUTOR,
    HOST,
    PLATFORM,
    STAKERS,
    divide_fee,
    split_largest_remainder,
)
from chain.types import ZERO_ADDRESS, Address, Hash32
from genesis.addresses import PLATFORM_ACCOUNT
from genesis.interfaces import (
    INFERENCE_ESCROW,
    MODEL_REGISTRY,
    PROOF_OF_ATTRIBUTION,
    WORKER_REGISTRY,
)

from . import gas, inference_escrow
from .dispatch import NativePrecompile, call_native, emit
from .frame import Frame, refusal
from .mapping import mapping_slot
from .storage_layout import AddressField, BoolField, Bytes32Field, Record, UintField

MAX_ACCOUNTS = 256
"""Accounts paid at once; each costs up to 25,000 gas. Longer lists are claimed by proof."""

MAX_PROOF_HASHES = 64
"""Enough for 2**64 shares."""

_BALANCES = 0  # slot of mapping account => Account
_SETTLEMENTS = 1  # slot of mapping request id => Settlement

_STATEMENT_FIELDS = 8
_SHARES_LEAF_BYTES = 96

_refuse = refusal("proof_of_attribution")


class Account(Record):
    """An account's balance, at its place in the mapping of slot 0."""

    balance_wei = UintField(slot=0)


class Settlement(Record):
    """A settled request, at its place in the mapping of slot 1."""

    worker = AddressField(slot=0)
    block_number = UintField(slot=0, offset=20, size=8)
    is_held = BoolField(slot=0, offset=28)
    adapter_id = Bytes32Field(slot=1)
    output_hash = Bytes32Field(slot=2)
    shares_root = Bytes32Field(slot=3)
    evidence_hash = Bytes32Field(slot=4)
    input_tokens = UintField(slot=5, size=8)
    output_tokens = UintField(slot=5, offset=8, size=8)
    claimed_ppm = UintField(slot=5, offset=16, size=4)
    fee_wei = UintField(slot=6)
    contributors_wei = UintField(slot=7)

    def claimed_bits(self, index: int) -> ClaimedBits:
        """Place of 256 marks: mapping index / 256 => bits at slot 8."""
        return ClaimedBits(self.frame, mapping_slot(self.frame, self.slot(8), index >> 8))


class ClaimedBits(Record):
    """Which of 256 neighbouring shares are claimed: bit index % 256."""

    bits = UintField(slot=0)


def _account(frame: Frame, account: Address) -> Account:
    return Account(frame, mapping_slot(frame, _BALANCES, account))


def _settlement_place(frame: Frame, request_id: Hash32) -> Settlement:
    return Settlement(frame, mapping_slot(frame, _SETTLEMENTS, request_id))


def _settlement(frame: Frame, request_id: Hash32) -> Settlement:
    """Find an existing settlement."""
    settlement = _settlement_place(frame, request_id)
    if settlement.worker == ZERO_ADDRESS:
        raise _refuse(f"request 0x{request_id.hex()} is not settled")
    return settlement


def _pay(frame: Frame, request_id: Hash32, account: Address, role: int, amount_wei: int) -> None:
    """Add to an account's balance; nothing happens for 0 wei."""
    if amount_wei == 0:
        return
    record = _account(frame, account)
    record.balance_wei = record.balance_wei + amount_wei
    emit(frame, PROOF_OF_ATTRIBUTION, "Paid", request_id, account, role, amount_wei)


def settle(
    frame: Frame,
    fields: tuple[Any, ...],
    signature: bytes,
    accounts: tuple[Address, ...],
    shares_ppm: tuple[int, ...],
) -> None:
    """Settle an open request with its worker's statement.

    With accounts, they must be the whole list under the statement's shares root and are credited
    now; anyone may send it. Without, the contributors' part is held and each share is claimed with
    a Merkle proof; only the worker may send that, since a stranger who did it first would keep the
    list off the chain.
    """
    statement = InferenceStatement(*fields)
    worker, fee_wei = _checked_request(frame, statement)
    _require_signer(frame, statement, signature, worker)
    _require_shares(frame, statement, accounts, shares_ppm)
    if not accounts and frame.caller != worker:
        raise _refuse(
            f"without its shares request 0x{statement.request_id.hex()} is settled by"
            f" 0x{worker.hex()} only, caller is 0x{frame.caller.hex()}"
        )

    call_native(frame, INFERENCE_ESCROW, "settle", statement.request_id, fee_wei)
    emit(
        frame,
        PROOF_OF_ATTRIBUTION,
        "Settled",
        statement.request_id,
        statement.adapter_id,
        worker,
        statement.prompt_hash,
        statement.output_hash,
        statement.input_tokens,
        statement.output_tokens,
        statement.shares_root,
        statement.evidence_hash,
        fee_wei,
    )
    contributors_wei = _pay_parts(frame, statement, worker, fee_wei)
    _record(frame, statement, worker, fee_wei, contributors_wei, is_held=not accounts)
    if accounts:
        _pay_contributors(frame, statement.request_id, accounts, shares_ppm, contributors_wei)
    else:
        emit(
            frame,
            PROOF_OF_ATTRIBUTION,
            "SharesHeld",
            statement.request_id,
            statement.shares_root,
            contributors_wei,
        )


def _checked_request(frame: Frame, statement: InferenceStatement) -> tuple[Address, int]:
    """The worker of an open request that the statement answers, and the fee in wei."""
    identity = statement.request_id
    request = call_native(frame, INFERENCE_ESCROW, "getRequest", identity)
    _, adapter_id, worker, prompt_hash, max_input, max_output, _, max_fee_wei, status = request
    place = f"request 0x{identity.hex()}"
    if status != inference_escrow.OPEN:
        raise _refuse(f"{place} is {inference_escrow.STATUS_NAMES[status]}, not open")
    if adapter_id != statement.adapter_id:
        raise _refuse(
            f"{place} asks adapter 0x{adapter_id.hex()}, stated 0x{statement.adapter_id.hex()}"
        )
    if prompt_hash != statement.prompt_hash:
        raise _refuse(
            f"{place} has prompt 0x{prompt_hash.hex()}, stated 0x{statement.prompt_hash.hex()}"
        )
    if statement.input_tokens > max_input or statement.output_tokens > max_output:
        raise _refuse(
            f"{place} allows {max_input} input and {max_output} output tokens, stated"
            f" {statement.input_tokens} and {statement.output_tokens}"
        )
    input_price_wei, output_price_wei = call_native(frame, INFERENCE_ESCROW, "pricesOf", identity)
    fee_wei = statement.input_tokens * input_price_wei + statement.output_tokens * output_price_wei
    if fee_wei > max_fee_wei:
        raise _refuse(f"{place} pays at most {max_fee_wei} wei, fee is {fee_wei}")
    return worker, fee_wei


def _require_signer(
    frame: Frame, statement: InferenceStatement, signature: bytes, worker: Address
) -> None:
    place = f"request 0x{statement.request_id.hex()}"
    frame.charge(gas.statement_digest(_STATEMENT_FIELDS), "digest of an inference statement")
    frame.charge(gas.ECRECOVER, "signer of an inference statement")
    try:
        signer = recover_signer(
            statement, signature, chain_id=frame.chain_id, verifying_contract=frame.address
        )
    except StemmaError as error:
        raise _refuse(f"signature for {place}: {error}") from error
    if signer != worker:
        raise _refuse(f"{place} chose worker 0x{worker.hex()}, signed by 0x{signer.hex()}")


def _require_shares(
    frame: Frame,
    statement: InferenceStatement,
    accounts: tuple[Address, ...],
    shares_ppm: tuple[int, ...],
) -> None:
    """The list is what the root commits to: ascending accounts, shares that sum to a million.

    Strict ascent by address makes a duplicate impossible and one list of one set of shares.
    """
    count = len(accounts)
    if count != len(shares_ppm):
        raise _refuse(f"{count} accounts and {len(shares_ppm)} shares")
    if count == 0:
        return
    if count > MAX_ACCOUNTS:
        raise _refuse(f"{count} accounts, at most {MAX_ACCOUNTS}; leave the list to claimShare")
    frame.charge(gas.LOOP_ITEM * count, "shares of a statement")
    previous = ZERO_ADDRESS
    for account, ppm in zip(accounts, shares_ppm, strict=True):
        if account <= previous:
            raise _refuse(f"accounts must ascend: 0x{account.hex()} after 0x{previous.hex()}")
        if ppm == 0:
            raise _refuse(f"share of 0x{account.hex()} is 0")
        previous = account
    total = sum(shares_ppm)
    if total != SHARES_TOTAL_PPM:
        raise _refuse(f"shares sum to {total}, not to {SHARES_TOTAL_PPM}")
    leaf_gas = gas.abi(_SHARES_LEAF_BYTES) + gas.merkle_leaf(_SHARES_LEAF_BYTES)
    frame.charge(leaf_gas * count + gas.merkle_tree(count), "root of the shares")
    root = shares_root(list(zip(accounts, shares_ppm, strict=True)))
    if root != statement.shares_root:
        raise _refuse(f"shares have root 0x{root.hex()}, stated 0x{statement.shares_root.hex()}")


def _pay_parts(frame: Frame, statement: InferenceStatement, worker: Address, fee_wei: int) -> int:
    """Pay all parts of the fee but the contributors', which is returned, in wei."""
    identity = statement.request_id
    royalties = call_native(frame, MODEL_REGISTRY, "getRoyalties", statement.adapter_id)
    adapter_owner, adapter_royalty_bp, base_owner, base_royalty_bp = royalties
    (bonded_wei,) = call_native(frame, WORKER_REGISTRY, "totalBond")
    parts = divide_fee(
        fee_wei,
        adapter_royalty_bp=adapter_royalty_bp,
        base_royalty_bp=base_royalty_bp if base_owner != ZERO_ADDRESS else 0,
        has_stakers=bonded_wei > 0,
    )
    _pay(frame, identity, adapter_owner, ADAPTER_OWNER, parts.adapter_owner_wei)
    _pay(frame, identity, base_owner, BASE_OWNER, parts.base_owner_wei)
    _pay(frame, identity, PLATFORM_ACCOUNT, PLATFORM, parts.platform_wei)
    _pay(frame, identity, worker, HOST, parts.host_wei)
    if parts.stakers_wei:
        call_native(frame, WORKER_REGISTRY, "depositRewards", value=parts.stakers_wei)
        registry = WORKER_REGISTRY.address
        emit(frame, PROOF_OF_ATTRIBUTION, "Paid", identity, registry, STAKERS, parts.stakers_wei)
    return parts.contributors_wei


def _record(
    frame: Frame,
    statement: InferenceStatement,
    worker: Address,
    fee_wei: int,
    contributors_wei: int,
    *,
    is_held: bool,
) -> None:
    settlement = _settlement_place(frame, statement.request_id)
    settlement.worker = worker
    settlement.block_number = frame.block_number
    settlement.is_held = is_held
    settlement.adapter_id = statement.adapter_id
    settlement.output_hash = statement.output_hash
    settlement.shares_root = statement.shares_root
    settlement.evidence_hash = statement.evidence_hash
    settlement.input_tokens = statement.input_tokens
    settlement.output_tokens = statement.output_tokens
    settlement.fee_wei = fee_wei
    settlement.contributors_wei = contributors_wei


def _pay_contributors(
    frame: Frame,
    request_id: Hash32,
    accounts: tuple[Address, ...],
    shares_ppm: tuple[int, ...],
    contributors_wei: int,
) -> None:
    """Credit the shares at once; the accounts ascend, so ties go to the lower address."""
    frame.charge(gas.LOOP_ITEM * len(accounts), "split among contributors")
    amounts = split_largest_remainder(contributors_wei, shares_ppm)
    for account, amount_wei in zip(accounts, amounts, strict=True):
        _pay(frame, request_id, account, CONTRIBUTOR, amount_wei)


def claim_share(
    frame: Frame,
    request_id: Hash32,
    index: int,
    count: int,
    account: Address,
    ppm: int,
    proof: tuple[Hash32, ...],
) -> tuple[int]:
    """Credit one share of a held part to its account, once. Anyone may send the proof.

    With c parts per million claimed before, a share of p receives floor(W (c+p) / 10^6) less
    floor(W c / 10^6) of the part W: all shares together receive exactly W, in whatever order.
    """
    settlement = _settlement(frame, request_id)
    place = f"share {index} of request 0x{request_id.hex()}"
    if not settlement.is_held:
        raise _refuse(f"{place} was paid at settlement")
    if len(proof) > MAX_PROOF_HASHES or not index < count <= 2**MAX_PROOF_HASHES:
        raise _refuse(f"{place}: {len(proof)} hashes of proof for {count} shares")
    _require_leaf(settlement, index, count, (account, ppm), proof)

    marks = settlement.claimed_bits(index)
    bits, bit = marks.bits, 1 << (index & 255)
    if bits & bit:
        raise _refuse(f"{place} is claimed already")
    before = settlement.claimed_ppm
    after = before + ppm
    if after > SHARES_TOTAL_PPM:
        raise _refuse(f"{place}: {before} + {ppm} parts exceed {SHARES_TOTAL_PPM}")
    marks.bits = bits | bit
    settlement.claimed_ppm = after
    held_wei = settlement.contributors_wei
    amount_wei = held_wei * after // SHARES_TOTAL_PPM - held_wei * before // SHARES_TOTAL_PPM
    _pay(frame, request_id, account, CONTRIBUTOR, amount_wei)
    return (amount_wei,)


def _require_leaf(
    settlement: Settlement,
    index: int,
    count: int,
    share: tuple[Address, int],
    proof: tuple[Hash32, ...],
) -> None:
    """The share lies at `index` under the settled root.

    The root does not commit to the count. A wrong one moves no share: each leaf holds its index.
    """
    account, ppm = share
    frame = settlement.frame
    leaf_gas = gas.abi(_SHARES_LEAF_BYTES) + gas.merkle_leaf(_SHARES_LEAF_BYTES)
    levels_gas = (gas.MERKLE_NODE + gas.LOOP_ITEM) * max(len(proof), count.bit_length())
    frame.charge(leaf_gas + levels_gas, "proof of a share")
    leaf = shares_leaf(index, account, ppm)
    root = settlement.shares_root
    if not verify_merkle(root, leaf, index, count, proof):
        raise _refuse(
            f"share {index} of {count}, {ppm} parts for 0x{account.hex()},"
            f" is not under root 0x{root.hex()}"
        )


def claim(frame: Frame) -> tuple[int]:
    """Pay out the caller's balance."""
    return claim_for(frame, frame.caller)


def claim_for(frame: Frame, account: Address) -> tuple[int]:
    """Pay out an account's balance to that account. Anyone may pay the gas."""
    record = _account(frame, account)
    amount_wei = record.balance_wei
    if amount_wei == 0:
        raise _refuse(f"nothing to claim for 0x{account.hex()}")
    record.balance_wei = 0
    emit(frame, PROOF_OF_ATTRIBUTION, "Claimed", account, amount_wei)
    frame.transfer(account, amount_wei)
    return (amount_wei,)


def balance_of(frame: Frame, account: Address) -> tuple[int]:
    """Balance that an account can claim, in wei."""
    return (_account(frame, account).balance_wei,)


def held_of(frame: Frame, request_id: Hash32) -> tuple[int, int]:
    """What is still held for a request in wei, and how many parts per million were claimed."""
    settlement = _settlement(frame, request_id)
    if not settlement.is_held:
        return 0, SHARES_TOTAL_PPM
    held_wei, claimed = settlement.contributors_wei, settlement.claimed_ppm
    return held_wei - held_wei * claimed // SHARES_TOTAL_PPM, claimed


def is_share_claimed(frame: Frame, request_id: Hash32, index: int) -> tuple[bool]:
    """Say whether a held share was claimed."""
    bits = _settlement(frame, request_id).claimed_bits(index).bits
    return (bool(bits >> (index & 255) & 1),)


def get_settlement(
    frame: Frame, request_id: Hash32
) -> tuple[Hash32, Hash32, Hash32, Hash32, int, int, int, int, Address, int]:
    """Read a settlement."""
    settlement = _settlement(frame, request_id)
    return (
        settlement.adapter_id,
        settlement.output_hash,
        settlement.shares_root,
        settlement.evidence_hash,
        settlement.input_tokens,
        settlement.output_tokens,
        settlement.fee_wei,
        settlement.contributors_wei,
        settlement.worker,
        settlement.block_number,
    )


PRECOMPILE = NativePrecompile(
    PROOF_OF_ATTRIBUTION,
    {
        "settle": settle,
        "claimShare": claim_share,
        "claim": claim,
        "claimFor": claim_for,
        "balanceOf": balance_of,
        "heldOf": held_of,
        "isShareClaimed": is_share_claimed,
        "getSettlement": get_settlement,
    },
)
