"""L1Blocks on an EVM that the project did not write, over headers and receipts put in by hand."""

from __future__ import annotations

from dataclasses import replace

from contract_bench import ContractBench, call_data
from eth.vm.execution_context import ExecutionContext
from l1_blocks import PORTAL, SYSTEM_CONFIG_ADDRESS, l1_block
from settlement_gas import transaction_gas

from chain import abi
from chain.receipt import Log, Receipt
from chain.trie import ordered_trie_root
from evm.step.block_records import Data
from evm.step.names import name_of
from evm.step.structures.words import data_tree
from genesis.config import SystemConfig
from rollup.bridge.deposits import TRANSACTION_DEPOSITED, encode_opaque_data, user_deposits
from rollup.bridge.system_config import CONFIG_UPDATE, apply_config_updates
from rollup.dispute.input_proof import (
    MAX_LOGS_A_CALL,
    HeldReceipt,
    ListTrie,
    prove_header,
    read_receipts,
)
from rollup.l1.block import PRAGUE_BLOB_BASE_FEE_UPDATE_FRACTION, make_l1_block
from rollup.settlement.deploy import artifact

STRANGER = b"\x77" * 20
MAX_TRANSACTION_GAS = 16_777_216
CONFIG = SystemConfig(b"\x0b" * 20, 30_000_000, 1_000, 2_000, 3, 4, 250, 6, 0, 0, 7, 8)
NOISE = Log(STRANGER, (b"\x01" * 32,), b"\x05" * 70)
HISTORY = bytes.fromhex("0000f90827f1c53a10cb7a02335b175320002935")
HISTORY_WINDOW = 8_191
HISTORY_CODE = bytes.fromhex(
    "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff"
    "81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
)
"""EIP-2935, "Bytecode"."""
READING = ["(uint256,uint256,bool,uint256,uint256)"]
L1_BLOCK = ["(bytes32,bytes32,uint256,uint256,uint256,bytes32,bytes32,bytes32)"]


def deposit_log(data=b"", *, to=b"\x01" * 20, mint=1, value=2, gas=100_000, creates=False):
    """What the portal emits."""
    opaque = encode_opaque_data(mint, value, gas, creates, data)
    topics = (TRANSACTION_DEPOSITED, bytes(12) + b"\xaa" * 20, bytes(12) + to, bytes(32))
    return Log(PORTAL, topics, abi.encode(["bytes"], [opaque]))


def update_log(kind, *words, version=0):
    """What the SystemConfig emits."""
    topics = (CONFIG_UPDATE, version.to_bytes(32, "big"), kind.to_bytes(32, "big"))
    return Log(SYSTEM_CONFIG_ADDRESS, topics, abi.encode(["bytes"], [b"".join(words)]))


def receipts_of(*logs, gas=50_000):
    """Receipts of alternating types, each with the logs given for it."""
    return tuple(
        Receipt(type=index % 5, succeeded=True, cumulative_gas_used=gas * (index + 1), logs=each)
        for index, each in enumerate(logs)
    )


def block_of(receipts, number=90, **fields):
    """An L1 block of these receipts, whose header commits to them."""
    bare = l1_block(number, receipts=receipts)
    header = replace(
        bare.header, receipts_root=ordered_trie_root([r.hashed_form for r in receipts]), **fields
    )
    return make_l1_block(header, (), tuple(receipts))


class L1BlocksContract:
    """The contract, with some last blocks that it can see."""

    def __init__(self, *blocks, head=100, fraction=PRAGUE_BLOB_BASE_FEE_UPDATE_FRACTION):
        """`blocks` stand where their numbers say, behind a head of that number."""
        self.bench = ContractBench(block_number=head)
        old = self.bench.state.execution_context
        hashes = {block.number: block.hash for block in blocks}
        self.bench.state.execution_context = ExecutionContext(
            coinbase=old.coinbase,
            timestamp=old.timestamp,
            block_number=head,
            difficulty=0,
            mix_hash=old.mix_hash,
            gas_limit=old.gas_limit,
            prev_hashes=[
                hashes.get(number, bytes([number % 251 + 1]) * 32)
                for number in range(head - 1, max(head - 257, -1), -1)
            ],
            chain_id=old.chain_id,
            base_fee_per_gas=old.base_fee_per_gas,
            excess_blob_gas=0,
        )
        code = bytes.fromhex(artifact("L1Blocks")["bytecode"][2:])
        arguments = abi.encode(
            ["address", "address", "uint256"],
            [PORTAL, SYSTEM_CONFIG_ADDRESS, fraction],
        )
        self.at = self.bench.deploy(code + arguments)
        self.gas = []

    def place_history(self, hashes):
        """The contract of EIP-2935, which knows these hashes."""
        self.bench.place(HISTORY, HISTORY_CODE)
        for number, block_hash in hashes.items():
            slot = number % HISTORY_WINDOW
            self.bench.state.set_storage(HISTORY, slot, int.from_bytes(block_hash, "big"))
        self.bench.state.lock_changes()

    def send(self, data):
        """A call; its outcome."""
        outcome = self.bench.send(self.at, data)
        self.gas.append(transaction_gas(data, outcome))
        return outcome

    def prove(self, block):
        """Record a header; the outcome."""
        return self.send(prove_header(block.header.encode()))

    def read(self, block, first=0):
        """Read receipts as the maker of calls cuts them; the outcomes."""
        return [self.send(call) for call in read_receipts(block.number, block.receipts, first)]

    def read_alone(self, block, index):
        """Read one receipt in a call, whether it fits or not; the outcome."""
        proof = ListTrie([receipt.hashed_form for receipt in block.receipts]).proof(index)
        call = call_data("readReceipts(uint256,bytes)", block.number, proof)
        return self.send(call + bytes(32))

    def hold(self, held):
        """Put a receipt's parts on L1 and show what they are; their addresses."""
        parts = []
        for creation in held.creations():
            parts.append(self.bench.deploy(creation))
        outcome = self.send(held.hold(parts))
        assert outcome.succeeded, outcome.output
        return parts

    def read_whole(self, block, most=MAX_LOGS_A_CALL):
        """Read all receipts, those that do not fit a call in windows; so many logs a call."""
        while not (progress := self.progress(block.number))[2]:
            first = progress[0]
            calls = read_receipts(block.number, block.receipts, first)
            for call in calls:
                outcome = self.send(call)
                assert outcome.succeeded, outcome.output
            if calls:
                continue
            held = HeldReceipt.of(block.number, block.receipts, first)
            parts = self.hold(held)
            while self.progress(block.number)[0] == first < len(block.receipts):
                outcome = self.send(held.read(parts, most))
                assert outcome.succeeded, outcome.output

    def block(self, number):
        """What is recorded of a block."""
        return self.bench.view(self.at, "l1Block(uint256)", L1_BLOCK, number)

    def progress(self, number):
        """(receipts, logs, is read, deposits, mask)."""
        return self.bench.view(self.at, "progress(uint256)", READING, number)

    def deposits(self, number):
        """Names of the deposits that were read."""
        count = self.bench.view(self.at, "depositCount(uint256)", ["uint256"], number)
        name = "depositName(uint256,uint256)"
        return [self.bench.view(self.at, name, ["bytes32"], number, i) for i in range(count)]

    def updates(self, number):
        """The mask and the words of the SystemConfig's changes."""
        return self.bench.view(self.at, "updates(uint256)", ["uint256", "uint256[8]"], number)


def names_of(block):
    """The names of a block's deposits as the step machine knows them."""
    return [
        name_of(Data(data_tree(raw), len(raw)))
        for raw in (deposit.encode() for deposit in user_deposits(block, PORTAL))
    ]


def configured(mask, words):
    """CONFIG after what the contract has kept, as BlockInputs applies it."""
    config = CONFIG
    if mask & 1:
        config = replace(config, batcher_address=words[0].to_bytes(20, "big"))
    if mask & 2:
        base_fee_scalar, blob = words[1] % 2**32, words[1] >> 32
        config = replace(config, base_fee_scalar=base_fee_scalar, blob_base_fee_scalar=blob)
    if mask & 4:
        config = replace(config, gas_limit=words[2])
    if mask & 16:
        denominator, elasticity = divmod(words[4], 2**32)
        config = replace(config, eip1559_denominator=denominator, eip1559_elasticity=elasticity)
    if mask & 32:
        scalar, constant = divmod(words[5], 2**64)
        config = replace(config, operator_fee_scalar=scalar, operator_fee_constant=constant)
    if mask & 64:
        config = replace(config, min_base_fee=words[6])
    if mask & 128:
        config = replace(config, da_footprint_gas_scalar=words[7])
    assert mask & ~0b11110111 == 0
    return config


def agree(block, contract):
    """Deposits, changes of the configuration and counts are those of derivation."""
    assert contract.deposits(block.number) == names_of(block)
    expected = apply_config_updates(CONFIG, block, SYSTEM_CONFIG_ADDRESS)
    # What Bedrock charged by means nothing any more, and is not kept.
    expected = replace(expected, overhead=0, bedrock_scalar=0)
    assert configured(*contract.updates(block.number)) == expected
    receipts, logs, is_read, deposits, _ = contract.progress(block.number)
    assert is_read
    assert receipts == len(block.receipts)
    assert logs == sum(len(receipt.logs) for receipt in block.receipts)
    assert deposits == len(names_of(block))
