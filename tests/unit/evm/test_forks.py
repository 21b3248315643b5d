"""What each fork changes: the same code and the same transactions under one rule set after another.

Numbers are those of the EIPs named at each case.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from execution import L1_CONFIG, USERS, attributes, deposit, engine, run, send

from chain.state import MemoryStateStore, State
from chain.transaction import recover_sender
from chain.txpool import PooledTransaction
from chain.types import Address, Hash32
from evm import forks
from evm.environment import BlockEnvironment, Message
from evm.errors import Fault, InvalidBlock, InvalidTransaction
from evm.fees import blob_base_fee, next_excess_blob_gas
from evm.pyevm.machine import Machine
from evm.transition import Transition
from genesis.config import BlobSchedule, ChainConfig, ForkTimes, ScheduledBlobs

HERE = Address(b"\xc0" * 20)
CALLER = Address(b"\xca" * 20)
GAS = 1_000_000
ETHEREUM = [
    forks.BERLIN, forks.LONDON, forks.PARIS, forks.SHANGHAI, forks.CANCUN, forks.PRAGUE,
    forks.OSAKA,
]  # fmt: skip
OSAKA_CONFIG = replace(L1_CONFIG, forks=ForkTimes(shanghai=0, cancun=0, prague=0, osaka=0))


def run_code(rules, code: bytes, *, to: Address = HERE, data: bytes = b"", storage=None):
    """One message to an account with that code."""
    state = State(MemoryStateStore())
    state.set_balance(CALLER, 10**18)
    state.set_code(HERE, code)
    for slot, value in (storage or {}).items():
        state.set_storage(HERE, slot, value)
    state.compute_root()
    state.begin_transaction()
    block = BlockEnvironment(
        chain_id=1,
        number=1,
        timestamp=1,
        coinbase=Address(b"\xcb" * 20),
        prev_randao=Hash32(bytes(32)),
        gas_limit=30_000_000,
        base_fee=7,
        blob_base_fee=1,
        block_hash=lambda _number: None,
        rules=rules,
    )
    return Machine(state, block).run(Message(CALLER, to, 0, data, GAS, 7))


@pytest.mark.parametrize(
    ("opcode", "code", "since"),
    [
        ("BASEFEE", "48", "london"),
        ("PUSH0", "5f", "shanghai"),
        ("TLOAD", "60005c", "cancun"),
        ("TSTORE", "600060005d", "cancun"),
        ("MCOPY", "6000600060005e", "cancun"),
        ("BLOBHASH", "600049", "cancun"),
        ("BLOBBASEFEE", "4a", "cancun"),
        ("CLZ", "60001e", "osaka"),
    ],
)
def test_opcode_is_there_from_its_fork_on(opcode, code, since):
    names = [rules.name for rules in ETHEREUM]
    for rules in ETHEREUM:
        outcome = run_code(rules, bytes.fromhex(code))
        is_there = names.index(rules.name) >= names.index(since)
        assert outcome.succeeded is is_there, f"{opcode} in {rules.name}: {outcome.error}"


def test_data_of_a_push_is_no_opcode_that_a_fork_lacks():
    # PUSH1 0x5f, PUSH1 0, MSTORE, RETURN 32 bytes
    code = bytes.fromhex("605f60005260206000f3")
    assert int.from_bytes(run_code(forks.BERLIN, code).output, "big") == 0x5F


@pytest.mark.parametrize(("word", "zeros"), [(0, 256), (1, 255), (2**255, 0), (0xFF << 100, 148)])
def test_clz_counts_leading_zero_bits_for_5_gas(word, zeros):
    code = b"\x7f" + word.to_bytes(32, "big") + bytes.fromhex("1e60005260206000f3")
    outcome = run_code(forks.OSAKA, code)
    assert int.from_bytes(outcome.output, "big") == zeros
    assert GAS - outcome.gas_left == 3 + 5 + 3 + 3 + 3 + 3 + 3


def test_clearing_a_slot_refunds_15000_in_berlin_and_4800_since():
    code = bytes.fromhex("6000600055")
    assert run_code(forks.BERLIN, code, storage={0: 1}).refund == 15_000
    assert run_code(forks.LONDON, code, storage={0: 1}).refund == 4_800


def test_self_destruct_refunds_24000_in_berlin_and_nothing_since():
    assert run_code(forks.BERLIN, bytes.fromhex("30ff")).refund == 24_000
    outcome = run_code(forks.LONDON, bytes.fromhex("30ff"))
    assert (outcome.refund, outcome.destroyed) == (0, (HERE,))
    assert run_code(forks.CANCUN, bytes.fromhex("30ff")).destroyed == ()


def modexp_input(base: int, exponent: int, modulus: int, size: int = 32) -> bytes:
    lengths = size.to_bytes(32, "big") * 3
    return lengths + b"".join(part.to_bytes(size, "big") for part in (base, exponent, modulus))


@pytest.mark.parametrize(
    ("rules", "size", "exponent", "gas"),
    [
        (forks.PRAGUE, 32, 3, 200),
        (forks.OSAKA, 32, 3, 500),
        (forks.PRAGUE, 64, 2**511, 64 * (8 * 32 + 255) // 3),
        (forks.OSAKA, 64, 2**511, 2 * 64 * (16 * 32 + 255)),
    ],
)
def test_price_of_modexp(rules, size, exponent, gas):
    data = modexp_input(5, exponent, 7, size)
    outcome = run_code(rules, b"", to=Address(bytes(19) + b"\x05"), data=data)
    assert int.from_bytes(outcome.output, "big") == pow(5, exponent, 7)
    assert GAS - outcome.gas_left == gas


def test_modexp_of_nothing_to_the_nothing_is_one():
    lengths = b"".join(size.to_bytes(32, "big") for size in (0, 0, 1))
    outcome = run_code(forks.PRAGUE, b"", to=Address(bytes(19) + b"\x05"), data=lengths + b"\x05")
    assert outcome.output == b"\x01"


def test_modexp_longer_than_1024_bytes_fails_from_osaka_on():
    data = b"".join(size.to_bytes(32, "big") for size in (1025, 1, 1))
    to = Address(bytes(19) + b"\x05")
    assert run_code(forks.PRAGUE, b"", to=to, data=data).succeeded
    outcome = run_code(forks.OSAKA, b"", to=to, data=data)
    assert (outcome.succeeded, outcome.gas_left) == (False, 0)


P256VERIFY = Address(bytes(18) + b"\x01\x00")


def p256_input() -> bytes:
    key = ec.derive_private_key(12345, ec.SECP256R1())
    digest = b"\x42" * 32
    r, s = decode_dss_signature(key.sign(digest, ec.ECDSA(Prehashed(SHA256()))))
    point = key.public_key().public_numbers()
    return digest + b"".join(part.to_bytes(32, "big") for part in (r, s, point.x, point.y))


@pytest.mark.parametrize(("rules", "gas"), [(forks.OSAKA, 6_900), (forks.FJORD, 3_450)])
def test_p256_signature_is_verified(rules, gas):
    data = p256_input()
    outcome = run_code(rules, b"", to=P256VERIFY, data=data)
    assert int.from_bytes(outcome.output, "big") == 1
    assert GAS - outcome.gas_left == gas
    for bad in (data[:-1], data + b"\x00", b"\x43" + data[1:], data[:32] + bytes(128)):
        outcome = run_code(rules, b"", to=P256VERIFY, data=bad)
        assert (outcome.output, GAS - outcome.gas_left) == (b"", gas)


def test_p256_address_is_an_empty_account_before_osaka():
    outcome = run_code(forks.PRAGUE, b"", to=P256VERIFY, data=p256_input())
    assert (outcome.output, outcome.gas_left) == (b"", GAS)


def test_transaction_above_2_24_gas_is_refused_in_osaka():
    chain = engine(OSAKA_CONFIG)
    with pytest.raises(InvalidTransaction) as caught:
        run(chain, send(0, 0, gas=2**24 + 1, chain_id=900))
    assert caught.value.fault is Fault.GAS_LIMIT_TOO_HIGH
    assert run(chain, send(0, 0, gas=2**24, chain_id=900)).receipts[0].succeeded


def test_deposit_may_have_more_gas_than_that():
    assert "osaka" not in {name for name, _ in forks.OPTIMISM}
    assert run(engine(), deposit(USERS[0], gas=2**24 + 1)).receipts[0].succeeded


def test_block_of_more_than_8_mib_is_refused_and_not_built_in_osaka():
    config = replace(OSAKA_CONFIG, gas_limit=2**31)
    chain = engine(config)
    small = [send(user, 0, gas=2**24, data=bytes(1_600_000), chain_id=900) for user in range(6)]
    wanted = attributes(chain, gas_limit=2**31)
    candidates = [PooledTransaction(tx, recover_sender(tx)) for tx in small]
    built = chain.build(wanted, candidates)
    assert len(built.block.transactions) == 5
    stuffed = replace(built.block, transactions=(*built.block.transactions, small[5]))
    with pytest.raises(InvalidBlock, match="bytes, 8388608 at most"):
        chain.execute(stuffed)


def test_excess_blob_gas_falls_no_further_than_execution_gas_is_worth():
    parent = engine(OSAKA_CONFIG).header_by_number(0)
    used, excess = 3 * forks.GAS_PER_BLOB, 40 * forks.GAS_PER_BLOB
    # At 1 wei a blob's gas is worth less than 2**13 gas at any base fee above 16 wei.
    dear = replace(parent, base_fee_per_gas=10**9, excess_blob_gas=excess, blob_gas_used=used)
    cheap = replace(dear, base_fee_per_gas=1)
    assert next_excess_blob_gas(OSAKA_CONFIG, dear) == excess + used * 3 // 9
    assert next_excess_blob_gas(OSAKA_CONFIG, cheap) == excess + used - 6 * forks.GAS_PER_BLOB
    assert next_excess_blob_gas(L1_CONFIG, dear) == excess + used - 6 * forks.GAS_PER_BLOB


def test_blob_schedules_come_into_force_by_config():
    schedules = (
        ScheduledBlobs("osaka", 10, BlobSchedule(6, 9, 5_007_716)),
        ScheduledBlobs("bpo1", 20, BlobSchedule(10, 15, 8_346_193)),
    )
    config = replace(
        ChainConfig.ethereum(5),
        forks=ForkTimes(shanghai=0, cancun=0, prague=0, osaka=10),
        blob_schedules=schedules,
    )
    assert forks.rules_at(config, 9).max_blob_gas == 9 * forks.GAS_PER_BLOB
    assert forks.rules_at(config, 20).max_blob_gas == 15 * forks.GAS_PER_BLOB
    assert forks.rules_at(config, 20).machine is forks.OSAKA.machine
    assert blob_base_fee(8_346_193, forks.rules_at(config, 20).blobs) == 2
    assert ChainConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("forks_active", "name"),
    [
        (ForkTimes(), "paris"),
        (ForkTimes(shanghai=5), "shanghai"),
        (ForkTimes(shanghai=0, cancun=5), "cancun"),
        (ForkTimes(shanghai=0, cancun=0, prague=0, osaka=6), "prague"),
    ],
)
def test_ethereum_rules_by_time(forks_active, name):
    config = replace(L1_CONFIG, forks=forks_active)
    assert forks.rules_at(config, 5).name == name


def test_optimism_rules_by_time():
    names = [name for name, _ in reversed(forks.OPTIMISM)]
    times = ForkTimes(**{name: 10 * index for index, name in enumerate(names, 1)}, interop=990)
    config = replace(ChainConfig.optimism(10), forks=times)
    found = [forks.rules_at(config, 10 * index + 9).name for index in range(len(names) + 1)]
    assert found == ["bedrock", *names]
    assert names[-1] == "karst"
    with pytest.raises(forks.UnsupportedFork, match="no rules for interop"):
        forks.rules_at(config, 990)


@pytest.mark.parametrize(
    ("config", "wanted"), [(ForkTimes(), False), (ForkTimes(shanghai=0), True)]
)
def test_header_has_what_its_fork_knows(config, wanted):
    chain = engine(replace(L1_CONFIG, forks=config))
    header = run(chain, send(0, 0, chain_id=900)).header
    assert (header.withdrawals_root is not None) is wanted
    assert header.blob_gas_used is header.parent_beacon_block_root is header.requests_hash is None


def test_transaction_type_of_a_later_fork_is_refused():
    state = State(MemoryStateStore())
    block = BlockEnvironment(
        1, 1, 1, HERE, Hash32(bytes(32)), 10**7, 0, 0, lambda _number: None, forks.BERLIN
    )
    tx = send(0, 0, chain_id=1)
    with pytest.raises(InvalidTransaction) as caught:
        Transition(state, block).apply(tx, recover_sender(tx), 10**7, 0)
    assert caught.value.fault is Fault.TYPE_NOT_SUPPORTED
