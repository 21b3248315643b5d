"""Chains of before the merge: difficulty, rewards, ommers, and what the early forks did otherwise.

Figures are of the mainnet (block 1, its DAO fork, ice ages) or follow from the EIP named.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from execution import KEYS, USERS

from chain.block import Block, Header
from chain.receipt import EMPTY_BLOOM
from chain.state import MemoryStateStore, State
from chain.storage import ChainStore, MemoryStore
from chain.transaction import LegacyTransaction, sign_transaction
from chain.trie import EMPTY_ROOT
from chain.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from evm import forks
from evm.block_check import DAO_EXTRA_DATA
from evm.engine import ExecutionEngine, attributes_of
from evm.environment import BlockEnvironment, Message
from evm.errors import Fault, InvalidBlock, InvalidTransaction
from evm.executor import ExecutionResult, PayloadAttributes, Work
from evm.fees import INITIAL_BASE_FEE, next_base_fee
from evm.intrinsic_gas import required_gas
from evm.proof_of_work import ProofOfWork, byzantium_steps, frontier_steps, homestead_steps
from evm.pyevm.dao import DAO_ACCOUNTS, DAO_REFUND
from evm.pyevm.machine import Machine
from evm.witness import execute_block_from_witness, record_witness
from genesis.allocation import GenesisAccount, GenesisSpec, genesis_block
from genesis.config import ChainConfig, ConfigError

ETHER = 10**18
MINER = Address(b"\x4d" * 20)
OTHER_MINER = Address(b"\x4f" * 20)
HERE = Address(b"\xc0" * 20)
CALLER = Address(b"\xca" * 20)
MINED = [*reversed([rules for _, rules in forks.MINED])]
EARLY = [forks.FRONTIER, *MINED]
EMPTY_OMMERS = Hash32(
    bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347")
)


def header(number: int = 0, difficulty: int = 2**17, timestamp: int = 0) -> Header:
    return Header(
        parent_hash=ZERO_HASH,
        beneficiary=MINER,
        state_root=EMPTY_ROOT,
        transactions_root=EMPTY_ROOT,
        receipts_root=EMPTY_ROOT,
        logs_bloom=EMPTY_BLOOM,
        number=number,
        gas_limit=5_000_000,
        gas_used=0,
        timestamp=timestamp,
        extra_data=b"",
        prev_randao=ZERO_HASH,
        difficulty=difficulty,
    )


# -- difficulty


def test_difficulty_of_the_first_block_of_the_mainnet():
    genesis = header(difficulty=17_179_869_184, timestamp=0)
    # It was found in 2015 on a genesis whose timestamp is 0: one step down.
    assert forks.FRONTIER.work.difficulty(genesis, 1_438_269_988) == 17_171_480_576


@pytest.mark.parametrize(
    ("steps", "seconds", "wanted"),
    [
        (frontier_steps, 12, 1),
        (frontier_steps, 13, -1),
        (homestead_steps, 9, 1),
        (homestead_steps, 10, 0),
        (homestead_steps, 2_000, -99),
        (byzantium_steps, 8, 1),
        (byzantium_steps, 9, 0),
        (byzantium_steps, 18, -1),
    ],
)
def test_difficulty_follows_the_time_between_blocks(steps, seconds, wanted):
    parent = header(difficulty=2048 * 1_000)
    rule = ProofOfWork(reward=0, steps=steps)
    assert rule.difficulty(parent, seconds) == max(2048 * 1_000 + 1_000 * wanted, 131_072)


def test_a_parent_with_ommers_makes_it_harder_from_byzantium_on():
    parent = replace(header(difficulty=2048 * 1_000), ommers_hash=Hash32(b"\x01" * 32))
    assert forks.BYZANTIUM.work.difficulty(parent, 8) == 2048 * 1_000 + 2_000


def test_difficulty_never_falls_below_the_least():
    assert forks.HOMESTEAD.work.difficulty(header(difficulty=131_072), 10_000) == 131_072


@pytest.mark.parametrize(
    ("rules", "first"),
    [
        (forks.HOMESTEAD, 200_000),
        (forks.BYZANTIUM, 3_200_000),
        (forks.PETERSBURG, 5_200_000),
        (forks.MUIR_GLACIER, 9_200_000),
        (forks.LONDON, 9_900_000),
        (forks.ARROW_GLACIER, 10_900_000),
        (forks.GRAY_GLACIER, 11_600_000),
    ],
)
def test_the_bomb_begins_to_tick_so_many_blocks_late(rules, first):
    quiet = header(number=first - 2, difficulty=2048 * 1_000)
    ticking = header(number=first - 1, difficulty=2048 * 1_000)
    still = 10 if rules is forks.HOMESTEAD else 9
    assert rules.work.difficulty(quiet, still) == 2048 * 1_000
    assert rules.work.difficulty(ticking, still) == 2048 * 1_000 + 1
    later = header(number=first + 299_999, difficulty=2048 * 1_000)
    assert rules.work.difficulty(later, still) == 2048 * 1_000 + 2**3


# -- rewards


@pytest.mark.parametrize(
    ("rules", "ether"), [(forks.FRONTIER, 5), (forks.BYZANTIUM, 3), (forks.CONSTANTINOPLE, 2)]
)
def test_miner_and_ommers_are_paid(rules, ether):
    ommers = [replace(header(number=9), beneficiary=OTHER_MINER), header(number=5)]
    paid = rules.work.rewards(10, MINER, ommers)
    assert paid[0] == (OTHER_MINER, ether * ETHER * 7 // 8)
    assert paid[1] == (MINER, ether * ETHER * 3 // 8)
    assert paid[2] == (MINER, ether * ETHER + 2 * (ether * ETHER // 32))


# -- chains


def chain_of(config: ChainConfig, alloc: dict | None = None, **changes) -> ExecutionEngine:
    spec = GenesisSpec(
        config=config,
        alloc={USERS[0]: GenesisAccount(balance=100 * ETHER)} | (alloc or {}),
        timestamp=1_000,
        gas_limit=5_000_000,
        base_fee_per_gas=10**9,
        difficulty=2**20,
    )
    return ExecutionEngine.open(
        ChainStore(MemoryStore()), config, genesis_block(replace(spec, **changes))
    )


def config_from(**given: object) -> ChainConfig:
    return ChainConfig.from_json({"chainId": 1, **given})


def mine(chain: ExecutionEngine, *transactions, parent: Header | None = None, **changes):
    """The next block, mined by MINER ten seconds later, and not stored."""
    parent = parent or chain.header(chain.heads.unsafe.hash)
    values = {
        "parent_hash": parent.hash,
        "timestamp": parent.timestamp + 10,
        "prev_randao": Hash32(b"\x01" * 32),
        "fee_recipient": MINER,
        "gas_limit": parent.gas_limit,
        "transactions": transactions,
        "work": Work(nonce=b"\x02" * 8),
    }
    return chain.build(PayloadAttributes(**values | changes))


def extend(chain: ExecutionEngine, *transactions, **changes) -> ExecutionResult:
    return chain.import_block(mine(chain, *transactions, **changes).block)


def pay(nonce: int = 0, *, chain_id: int | None = None, price: int = 1) -> LegacyTransaction:
    tx = LegacyTransaction(
        chain_id=chain_id,
        nonce=nonce,
        gas_price=price,
        gas_limit=21_000,
        to=USERS[1],
        value=1,
        data=b"",
    )
    return sign_transaction(tx, KEYS[0])


def test_a_mined_block_pays_its_miner_and_has_no_base_fee():
    chain = chain_of(config_from(homesteadBlock=0))
    done = extend(chain, pay())
    assert done.header.base_fee_per_gas is None
    assert done.header.difficulty == 2**20
    assert done.header.nonce == b"\x02" * 8
    assert chain.state_at(done.header).get_balance(MINER) == 5 * ETHER + 21_000


def test_receipts_hold_the_state_root_until_byzantium():
    chain = chain_of(config_from(homesteadBlock=0, byzantiumBlock=2))
    before = extend(chain, pay(0), pay(1)).receipts
    after = extend(chain, pay(2)).receipts
    assert before[0].state_root != before[1].state_root
    assert after[0].state_root is None


def test_rules_change_at_the_blocks_of_the_configuration():
    config = config_from(homesteadBlock=1, eip150Block=3, londonBlock=5)
    names = [forks.mined_rules(config, number).name for number in range(6)]
    # What the file leaves out came with what follows it.
    want = ["frontier", "homestead", "homestead", "tangerine_whistle", "tangerine_whistle"]
    assert names == [*want, "london"]


def test_a_chain_without_forks_stays_on_the_frontier():
    assert forks.mined_rules(config_from(), 10**7).name == "frontier"


def test_a_configuration_may_not_part_eip_155_from_eip_158():
    with pytest.raises(ConfigError, match="eip155Block is 2, eip158Block 3"):
        config_from(homesteadBlock=0, eip155Block=2, eip158Block=3)


def test_mined_configuration_survives_the_genesis_file():
    config = config_from(
        homesteadBlock=1, daoForkBlock=4, daoForkSupport=True, eip158Block=9, byzantiumBlock=12
    )
    assert config.fork_block("daoForkBlock") == 4
    assert config.fork_block("londonBlock") is None
    assert ChainConfig.from_json(config.to_json()) == config


def test_the_first_block_of_london_doubles_the_gas_limit_and_has_a_base_fee():
    chain = chain_of(config_from(londonBlock=1))
    genesis = chain.header(chain.heads.unsafe.hash)
    assert genesis.base_fee_per_gas is None
    assert next_base_fee(chain.config, genesis) == INITIAL_BASE_FEE
    with pytest.raises(InvalidBlock, match="gas limit 5000000 after the parent's 10000000"):
        extend(chain)
    assert extend(chain, gas_limit=10_000_000).header.base_fee_per_gas == INITIAL_BASE_FEE


def test_a_wrong_difficulty_is_refused():
    chain = chain_of(config_from(homesteadBlock=0))
    good = mine(chain).block
    bad = replace(good, header=replace(good.header, difficulty=2**20 + 1))
    with pytest.raises(InvalidBlock, match="difficulty is 1048577, execution gives 1048576"):
        chain.import_block(bad)


def test_signatures_of_the_frontier_and_of_homestead():
    frontier, homestead = chain_of(config_from()), chain_of(config_from(homesteadBlock=0))
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    tx = pay()
    high = replace(tx, s=order - tx.s, v=55 - tx.v)
    assert extend(frontier, high).senders == (USERS[0],)
    with pytest.raises(InvalidTransaction) as refused:
        extend(homestead, high)
    assert refused.value.fault is Fault.SIGNATURE


def test_a_signature_names_its_chain_from_spurious_dragon_on():
    chain = chain_of(config_from(homesteadBlock=0, eip155Block=2, eip158Block=2))
    with pytest.raises(InvalidTransaction, match="only EIP-155 allows"):
        extend(chain, pay(chain_id=1))
    extend(chain)
    assert extend(chain, pay(chain_id=1)).receipts[0].succeeded


def test_the_dao_fork_moves_the_wei_of_its_accounts_and_wants_to_be_named():
    alloc = {DAO_ACCOUNTS[3]: GenesisAccount(balance=7), DAO_REFUND: GenesisAccount(balance=1)}
    chain = chain_of(config_from(homesteadBlock=0, daoForkBlock=1, daoForkSupport=True), alloc)
    with pytest.raises(InvalidBlock, match="dao-hard-fork expected"):
        extend(chain)
    state = extend(chain, extra_data=DAO_EXTRA_DATA).state
    assert (state.get_balance(DAO_REFUND), state.get_balance(DAO_ACCOUNTS[3])) == (8, 0)
    for _ in range(9):
        extend(chain, extra_data=DAO_EXTRA_DATA)
    extend(chain)


# -- ommers


def two_branches() -> tuple[ExecutionEngine, Header]:
    """A chain of two blocks, and the header of another first one."""
    chain = chain_of(config_from(homesteadBlock=0))
    ommer = mine(chain, fee_recipient=OTHER_MINER, timestamp=1_011).header
    extend(chain)
    return chain, ommer


def test_an_ommer_is_paid_and_kept_in_the_block():
    chain, ommer = two_branches()
    done = extend(chain, work=Work(ommers=(ommer,)))
    assert chain.block(done.header.hash).ommers == (ommer,)
    assert done.state.get_balance(OTHER_MINER) == 5 * ETHER * 7 // 8
    assert done.state.get_balance(MINER) == 2 * 5 * ETHER + 5 * ETHER // 32


@pytest.mark.parametrize(
    ("ommers_of", "reason"),
    [
        (lambda ommer, parent: (ommer, ommer), "named before"),
        (lambda ommer, parent: (parent,), "an ancestor"),
        (lambda ommer, parent: (replace(ommer, parent_hash=parent.hash),), "its parent is none"),
        (lambda ommer, parent: (replace(ommer, difficulty=5),), "1048576 expected"),
        (lambda ommer, parent: (replace(ommer, gas_used=6_000_000),), "gas used 6000000"),
        (lambda ommer, parent: (replace(ommer, base_fee_per_gas=1),), "base fee is 1"),
        (lambda ommer, parent: (replace(ommer, timestamp=1_000),), "is not after"),
        (lambda ommer, parent: (replace(ommer, extra_data=bytes(33)),), "extraData of 33 bytes"),
        (lambda ommer, parent: (ommer,) * 3, "3 ommers, 2 at most"),
    ],
)
def test_an_ommer_that_is_none_is_refused(ommers_of, reason):
    chain, ommer = two_branches()
    parent = chain.header(chain.heads.unsafe.hash)
    with pytest.raises(InvalidBlock, match=reason):
        extend(chain, work=Work(ommers=ommers_of(ommer, parent)))


def test_an_ommer_is_not_named_twice_nor_too_late():
    chain, ommer = two_branches()
    extend(chain, work=Work(ommers=(ommer,)))
    with pytest.raises(InvalidBlock, match="named before"):
        extend(chain, work=Work(ommers=(ommer,)))
    late, ommer = two_branches()
    for _ in range(6):
        extend(late)
    with pytest.raises(InvalidBlock, match="its parent is none"):
        extend(late, work=Work(ommers=(ommer,)))


# -- the merge


def test_proof_of_work_ends_at_the_terminal_total_difficulty():
    config = config_from(homesteadBlock=0, londonBlock=0, terminalTotalDifficulty=2 * 2**20)
    chain = chain_of(config)
    with pytest.raises(InvalidBlock, match="proof of work ends at 2097152"):
        extend(chain, work=None)
    extend(chain)  # the terminal block
    with pytest.raises(InvalidBlock, match="total difficulty 2097152"):
        extend(chain)
    merged = extend(chain, work=None)
    assert (merged.header.difficulty, merged.header.nonce) == (0, bytes(8))
    assert merged.state.get_balance(MINER) == 2 * ETHER
    with pytest.raises(InvalidBlock, match="proof of work ends"):
        extend(chain)


def test_a_chain_without_a_terminal_difficulty_is_mined_for_ever():
    chain = chain_of(config_from(homesteadBlock=0))
    with pytest.raises(InvalidBlock, match="ends at None"):
        extend(chain, work=None)


def test_a_block_after_the_merge_has_no_ommers():
    _, ommer = two_branches()
    config = config_from(londonBlock=0, terminalTotalDifficulty=0)
    merged = chain_of(config, difficulty=0)
    good = mine(merged, work=None).block
    with pytest.raises(InvalidBlock, match="1 ommers after the merge"):
        merged.import_block(replace(good, ommers=(ommer,)))


# -- the machine


def run_code(rules, code: bytes = b"", *, to: Address | None = HERE, gas: int = 100_000):
    """One message, and the state behind it."""
    state = State(MemoryStateStore())
    state.set_balance(CALLER, ETHER)
    if code and to is not None:
        state.set_code(HERE, code)
    block = BlockEnvironment(
        chain_id=1,
        number=1,
        timestamp=1,
        coinbase=MINER,
        prev_randao=Hash32((2**17).to_bytes(32, "big")),
        gas_limit=5_000_000,
        base_fee=0,
        blob_base_fee=0,
        block_hash=lambda _number: None,
        rules=rules,
    )
    data = code if to is None else b""
    message = Message(CALLER, to, 0, data, gas, 1, create_address=HERE if to is None else None)
    return Machine(state, block).run(message), state


# Code, the gas of what stands around the opcode in question, and its own from a fork on.
PRICES = [
    # SLOAD: EIP-150, 1884, 2929
    ("60005450", 5, {"frontier": 50, "tangerine_whistle": 200, "istanbul": 800, "berlin": 2_100}),
    # BALANCE: EIP-150, 1884, 2929
    ("60003150", 5, {"frontier": 20, "tangerine_whistle": 400, "istanbul": 700, "berlin": 2_600}),
    # EXP with an exponent of two bytes: EIP-160
    ("61010060020a50", 8, {"frontier": 10 + 2 * 10, "spurious_dragon": 10 + 2 * 50}),
]


@pytest.mark.parametrize(("code", "around", "prices"), PRICES)
def test_an_opcode_costs_what_its_fork_says(code, around, prices):
    price = 0
    for rules in EARLY:
        price = prices.get(rules.name, price)
        outcome, _ = run_code(rules, bytes.fromhex(code))
        assert 100_000 - outcome.gas_left == price + around, rules.name


def first_with(opcode: int) -> str:
    return next(rules.name for rules in EARLY if opcode in rules.machine.opcodes)


@pytest.mark.parametrize(
    ("opcode", "fork"),
    [
        (0xF4, "homestead"),  # DELEGATECALL: EIP-7
        (0xFD, "byzantium"),  # REVERT: EIP-140
        (0x3D, "byzantium"),  # RETURNDATASIZE: EIP-211
        (0xFA, "byzantium"),  # STATICCALL: EIP-214
        (0x1B, "constantinople"),  # SHL: EIP-145
        (0xF5, "constantinople"),  # CREATE2: EIP-1014
        (0x3F, "constantinople"),  # EXTCODEHASH: EIP-1052
        (0x46, "istanbul"),  # CHAINID: EIP-1344
        (0x47, "istanbul"),  # SELFBALANCE: EIP-1884
        (0x48, "london"),  # BASEFEE: EIP-3198
    ],
)
def test_an_opcode_comes_with_its_fork(opcode, fork):
    assert first_with(opcode) == fork


def test_opcode_0x44_gives_the_difficulty():
    outcome, _ = run_code(forks.BYZANTIUM, bytes.fromhex("4460005260206000f3"))
    assert int.from_bytes(outcome.output, "big") == 2**17


@pytest.mark.parametrize(
    ("number", "prices"),
    [
        (6, {"byzantium": 500, "istanbul": 150}),
        (7, {"byzantium": 40_000, "istanbul": 6_000}),
        (8, {"byzantium": 100_000, "istanbul": 45_000}),
    ],
)
def test_bn254_became_cheaper_in_istanbul(number, prices):
    address = Address(number.to_bytes(20, "big"))
    for rules in (forks.BYZANTIUM, forks.ISTANBUL):
        outcome, _ = run_code(rules, to=address, gas=200_000)
        assert 200_000 - outcome.gas_left == prices[rules.name]
    assert address not in forks.SPURIOUS_DRAGON.machine.precompiles
    assert Address(bytes(19) + b"\x09") not in forks.PETERSBURG.machine.precompiles


def test_an_empty_account_that_is_touched_stays_until_spurious_dragon():
    nobody = Address(b"\x77" * 20)
    for rules, exists in ((forks.TANGERINE_WHISTLE, True), (forks.SPURIOUS_DRAGON, False)):
        _, state = run_code(rules, to=nobody)
        assert state.account_exists(nobody) is exists


CODE_OF_1000_BYTES = bytes.fromhex("6103e86000f3")


def test_a_creation_that_cannot_pay_for_its_code_is_empty_on_the_frontier():
    on_the_frontier, state = run_code(forks.FRONTIER, CODE_OF_1000_BYTES, to=None)
    assert (on_the_frontier.error, state.get_code(HERE)) == (None, b"")
    assert on_the_frontier.gas_left > 0
    on_homestead, _ = run_code(forks.HOMESTEAD, CODE_OF_1000_BYTES, to=None)
    assert on_homestead.error == "contract creation code storage out of gas"
    assert on_homestead.gas_left == 0


def test_a_contract_begins_with_nonce_1_from_spurious_dragon_on():
    for rules, nonce in ((forks.HOMESTEAD, 0), (forks.SPURIOUS_DRAGON, 1)):
        _, state = run_code(rules, CODE_OF_1000_BYTES, to=None, gas=300_000)
        assert state.get_nonce(HERE) == nonce


def test_code_has_no_limit_until_spurious_dragon():
    large = bytes.fromhex("6160016000f3")  # 24,577 bytes
    outcome, state = run_code(forks.TANGERINE_WHISTLE, large, to=None, gas=6_000_000)
    assert (outcome.error, len(state.get_code(HERE))) == (None, 24_577)
    outcome, _ = run_code(forks.SPURIOUS_DRAGON, large, to=None, gas=6_000_000)
    assert outcome.error.startswith("max code size exceeded")


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        (forks.FRONTIER, 21_000 + 4 + 68),
        (forks.HOMESTEAD, 53_000 + 4 + 68),
        (forks.ISTANBUL, 53_000 + 4 + 16),
    ],
)
def test_intrinsic_gas_of_a_creation(rules, wanted):
    assert required_gas(b"\x00\x01", is_create=True, rules=rules) == (wanted, 0)


def test_a_mined_block_executes_from_its_witness():
    chain = chain_of(config_from(homesteadBlock=0))
    parent = chain.header(chain.heads.unsafe.hash)
    block = mine(chain, pay()).block
    _, witness = record_witness(
        chain.config, parent, attributes_of(block), chain.store, chain.header
    )
    again = execute_block_from_witness(chain.config, parent, block, witness)
    assert again.header == block.header


def test_genesis_block_has_a_base_fee_from_london_on():
    for given, wanted in (({}, None), ({"londonBlock": 0}, 10**9)):
        chain = chain_of(config_from(**given))
        block = chain.block(chain.heads.unsafe.hash)
        assert isinstance(block, Block)
        assert block.header.base_fee_per_gas == wanted
        assert block.header.beneficiary == ZERO_ADDRESS
        assert block.header.ommers_hash == EMPTY_OMMERS
