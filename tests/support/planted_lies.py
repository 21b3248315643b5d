"""Blocks in which every lie has a place, where each lie's game has to end, and what a lying output
root proves.
"""

from __future__ import annotations

from functools import cache

from contract_bench import call_data
from execution import L1_PRICES, STRANGER, USERS, attributes, deposit, engine, optimism_config, send
from witness_blocks import ALLOCATION, STORE

from chain.account import decode_account
from chain.crypto.keccak import keccak256
from chain.transaction import Transaction
from chain.trie import Trie
from chain.types import Address, Hash32
from evm.engine import ExecutionEngine
from evm.step.block_records import Sealing
from evm.step.opener import LiveOpener
from genesis.addresses import (
    DATANET_REGISTRY,
    L1_ATTRIBUTES_DEPOSITOR,
    L1_BLOCK,
    L2_TO_L1_MESSAGE_PASSER,
)
from genesis.allocation import GenesisAccount, l2_contracts
from rollup.bridge.l1_attributes import L1Attributes
from rollup.bridge.withdrawals import Withdrawal, decode_withdrawal
from rollup.dispute.block_steps import BlockSteps
from rollup.dispute.faults import Fault, FaultKind, FaultyOutputs
from rollup.dispute.frame_lies import FORGED_MESSAGE
from rollup.dispute.outputs import ChainOutputs
from rollup.wire.output_root import OutputV0

BLOCKS, FAULT = 3, 2
ENDS_AT = {
    FaultKind.STORAGE_WRITE: "SSTORE",
    FaultKind.GAS: "GAS",
    FaultKind.LOG: "LOG2",
    FaultKind.TRANSACTIONS: "transaction begin, take up",
    FaultKind.DEPOSIT: "transaction begin, pay",
    FaultKind.BASE_FEE: "block begin",
    FaultKind.L1_FEE: "transaction begin, pay",
    FaultKind.PRECOMPILE: "precompile",
    FaultKind.WITHDRAWAL: "SSTORE",
    FaultKind.ORIGIN: "SSTORE",
    FaultKind.RECEIPT_ROOT: "block end, receipts",
    FaultKind.OUTPUT_ROOT: "block end, output",
}
"""The opcode, or the phase and stage, of the step to which the game about each lie comes down."""

LOGGER, GASSY, HASHER = (Address(bytes((number,)) * 20) for number in (0x61, 0x62, 0x63))
# LOG2 of the first calldata word bytes of memory, topics 7 and 8
LOG_CODE = bytes.fromhex("600860075f355fa200")
# SSTORE(0, GAS)
GAS_CODE = bytes.fromhex("5a5f5500")
# SSTORE(0, SHA-256 of nothing, by STATICCALL)
HASH_CODE = bytes.fromhex("60205f5f5f60025afa505f515f5500")
SLOT = 3
CODES = {LOGGER: LOG_CODE, GASSY: GAS_CODE, HASHER: HASH_CODE}
_REAL = (L1_BLOCK, L2_TO_L1_MESSAGE_PASSER)


def l1_attributes(number: int) -> Transaction:
    """The first deposit of L2 block `number`, whose origin is an L1 block of its own."""
    told = L1Attributes(
        number=100 + number,
        timestamp=1_700_000_000 + 2 * number,
        base_fee=5 * 10**9,
        hash=keccak256(number.to_bytes(8, "big")),
        sequence_number=0,
        batcher_address=Address(b"\x0b" * 20),
        blob_base_fee=3,
        base_fee_scalar=5_000,
        blob_base_fee_scalar=800_000,
        operator_fee_scalar=250_000,
        operator_fee_constant=77,
    )
    return deposit(L1_ATTRIBUTES_DEPOSITOR, L1_BLOCK, gas=10**6, data=told.encode(), salt=number)


def storing(nonce: int, slot: int, value: int) -> Transaction:
    """A transaction that writes a slot of STORE."""
    return send(0, nonce, STORE, data=slot.to_bytes(32, "big") + value.to_bytes(32, "big"))


def _native(nonce: int) -> Transaction:
    data = call_data(
        "createDatanet(string,bytes32,bytes32,bool)", "docs", b"\1" * 32, b"\2" * 32, True
    )
    return send(3, nonce, DATANET_REGISTRY, data=data, gas=400_000)


def _withdrawing(nonce: int) -> Transaction:
    data = call_data("initiateWithdrawal(address,uint256,bytes)", STRANGER, 100_000, b"")
    return send(4, nonce, L2_TO_L1_MESSAGE_PASSER, value=10**15, data=data, gas=200_000)


def transactions(number: int) -> list[Transaction]:
    """Those of block `number`: each lie has a place among them."""
    nonce = number - 1
    return [
        l1_attributes(number),
        deposit(USERS[2], STRANGER, mint=7 * 10**15, value=3, salt=100 + number),
        _withdrawing(nonce),
        _native(nonce),
        send(1, 2 * nonce, LOGGER, data=(40 * nonce).to_bytes(32, "big")),
        send(1, 2 * nonce + 1, GASSY),
        storing(nonce, SLOT, 1000 + nonce),
    ]


def chain_of(
    blocks: list[list[Transaction]], extra: dict[Address, GenesisAccount] | None = None
) -> ExecutionEngine:
    """Safe blocks of these transactions, under the rules of Isthmus."""
    extra = {
        **(extra or {}),
        **ALLOCATION,
        **{at: GenesisAccount(nonce=1, code=CODES[at]) for at in CODES},
    }
    contracts = l2_contracts(STRANGER)
    extra |= {address: contracts[address] for address in _REAL}
    extra[L1_BLOCK] = GenesisAccount(nonce=1, code=contracts[L1_BLOCK].code, storage=L1_PRICES)
    chain = engine(optimism_config("isthmus"), extra)
    for asked in blocks:
        result = chain.build(attributes(chain, *asked))
        assert len(result.receipts) == len(asked)
        assert all(receipt.succeeded for receipt in result.receipts)
        chain.commit(result)
        chain.set_heads(safe=chain.heads.unsafe)
    return chain


@cache
def whole_chain() -> ExecutionEngine:
    """BLOCKS blocks with a place for every lie."""
    return chain_of([transactions(number) for number in range(1, BLOCKS + 1)])


def lying(kind: FaultKind) -> FaultyOutputs:
    """The view of a liar about block FAULT."""
    return FaultyOutputs(ChainOutputs(whole_chain()), Fault(kind, FAULT))


def withdrawal_of(kind: FaultKind) -> Withdrawal:
    """What somebody would carry away by the lie: the message that the liar invents, or the one of
    block FAULT, which is a true one in a false state.
    """
    if kind is FaultKind.WITHDRAWAL:
        return Withdrawal(*FORGED_MESSAGE)
    chain = whole_chain()
    block = chain.header_by_number(FAULT)
    logs = [log for receipt in chain.receipts(block.hash) for log in receipt.logs]
    return decode_withdrawal(logs)


class _Nodes:
    """Trie nodes as a trace's opener has them: those of the chain, and those that a lie made."""

    def __init__(self, opener: LiveOpener) -> None:
        self._opener = opener

    def get(self, name: bytes) -> bytes | None:
        return self._opener.raw(name, 0)


def false_steps(liar: FaultyOutputs) -> BlockSteps:
    """The steps that lead to the lying output root; the true ones where the lie is the last."""
    outputs = ChainOutputs(whole_chain())
    aside = liar.steps(outputs.bounds_of(FAULT))
    return aside._behind if aside._behind.trace.steps else aside._honest


def true_steps() -> BlockSteps:
    """The steps that lead to the true output root of block FAULT."""
    outputs = ChainOutputs(whole_chain())
    return outputs.steps(outputs.bounds_of(FAULT))


def proof_by(steps: BlockSteps, message: Withdrawal) -> tuple[OutputV0, list[bytes]]:
    """What the output root is made of to which steps lead, and the nodes that prove a withdrawal
    by it.
    """
    opener, trace = steps.begun.opener, steps.trace
    sealing = opener.open(trace.state(trace.steps - 1).pending, Sealing)
    nodes = _Nodes(opener)
    account = Trie(nodes, sealing.state_root).get(keccak256(L2_TO_L1_MESSAGE_PASSER))
    root = decode_account(account).storage_root
    output = OutputV0(Hash32(sealing.state_root), Hash32(root), Hash32(sealing.header_hash))
    return output, Trie(nodes, root).prove(keccak256(message.storage_slot))
