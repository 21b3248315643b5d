"""eth_getProof at every block that is kept, over reorganisations, and why not at others."""

from __future__ import annotations

import pytest
from execution import L1_CONFIG, L2_CONFIG, STRANGER, USERS, engine, genesis, run, send
from hypothesis import given, settings
from hypothesis import strategies as st
from witness_blocks import ALLOCATION, STORE, plans, transactions

from chain import rlp
from chain.account import decode_account
from chain.crypto.keccak import keccak256
from chain.heads import BlockId
from chain.storage import ChainStore, MemoryStore
from chain.storage.schema import NODE_PREFIX
from chain.trie import EMPTY_ROOT, verify_proof
from chain.txpool import USER_TYPES
from evm.engine import ExecutionEngine
from evm.intrinsic_gas import minimum_gas
from genesis import addresses
from genesis.interfaces import DATANET_REGISTRY
from node.rpc.backend import Backend, QueryLimits
from node.rpc.errors import RpcError
from node.rpc.eth_state import StateNamespace
from node.rpc.parameters import BlockId as Asked
from node.shared_pool import SharedPool


def rpc_of(chain):
    pool = SharedPool(
        chain_id=chain.config.chain_id,
        block_gas_limit=30_000_000,
        minimum_gas=minimum_gas,
        accepted_types=USER_TYPES,
    )
    return StateNamespace(Backend(chain, pool, QueryLimits()))


def unhex(nodes):
    return [bytes.fromhex(node[2:]) for node in nodes]


def check(chain, header, account, slots):
    """Ask for a proof, verify it against the header alone, and compare it with the state."""
    asked = tuple((slot, hex(slot)) for slot in slots)
    answer = rpc_of(chain).get_proof(account, asked, Asked(hash=header.hash))
    state = chain.state_at(header)
    found = verify_proof(header.state_root, keccak256(account), unhex(answer["accountProof"]))
    kept = None if found is None else decode_account(found)
    assert (found is None) == (not state.account_exists(account))
    balance = 0 if kept is None else kept.balance
    assert (int(answer["balance"], 16), balance) == (state.get_balance(account),) * 2
    root = EMPTY_ROOT if kept is None else kept.storage_root
    assert answer["storageHash"] == "0x" + root.hex()
    for slot, proved in zip(slots, answer["storageProof"], strict=True):
        raw = verify_proof(root, keccak256(slot.to_bytes(32, "big")), unhex(proved["proof"]))
        value = 0 if raw is None else rlp.decode_int(rlp.decode(raw))
        assert value == int(proved["value"], 16) == state.get_storage(account, slot)


def test_storage_of_a_native_precompile_is_proved_at_every_block():
    chain = engine(L2_CONFIG)
    for nonce in range(3):
        data = DATANET_REGISTRY.encode_call("createDatanet", "rows", bytes(32), bytes(32), True)
        run(chain, send(0, nonce, addresses.DATANET_REGISTRY, data=data, gas=1_000_000))
    used = chain.replay(chain.block_by_number(3))
    used.advance()
    slots = list(used.state.seen[addresses.DATANET_REGISTRY].slots)
    assert len(slots) >= 3
    for number in range(4):
        header = chain.header_by_number(number)
        check(chain, header, addresses.DATANET_REGISTRY, [*slots, 12345])


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from((L1_CONFIG, L2_CONFIG)),
    st.lists(plans, min_size=2, max_size=5),
    st.lists(plans, min_size=1, max_size=3),
    st.integers(1, 4),
)
def test_proofs_hold_on_both_sides_of_a_reorganisation(config, first, second, depth):
    chain, nonces, headers = engine(config, ALLOCATION), {}, []
    kept_nonces = [dict(nonces)]
    for plan in first:
        headers.append(run(chain, *transactions(plan, config, nonces)).header)
        kept_nonces.append(dict(nonces))
    base = max(0, len(first) - depth)
    chain.set_heads(unsafe=BlockId(base, chain.header_by_number(base).hash))
    nonces = kept_nonces[base]
    for plan in second:
        made = run(chain, *transactions(plan, config, nonces), prev_randao=b"\x77" * 32)
        headers.append(made.header)
    for header in [chain.header_by_number(0), *headers]:
        for account in (STORE, USERS[0], STRANGER, addresses.HISTORY_STORAGE):
            check(chain, header, account, [0, 1, 7, 44])


def test_block_whose_state_is_not_kept_says_so():
    kv = MemoryStore()
    chain = ExecutionEngine.open(ChainStore(kv), L2_CONFIG, genesis(L2_CONFIG, ALLOCATION))
    run(chain, send(0, 0, STORE, data=(1).to_bytes(32, "big") + bytes(32)))
    roots = [chain.header_by_number(number).state_root for number in range(2)]
    kv.write({}, [NODE_PREFIX + roots[0]], sync=True)
    reopened = ExecutionEngine(L2_CONFIG, ChainStore(kv))
    with pytest.raises(RpcError, match="no proof at block 0: its state is not kept here"):
        rpc_of(reopened).get_proof(STORE, ((1, "0x1"),), Asked(number=0))
    check(reopened, reopened.header_by_number(1), STORE, [1, 2])


def test_node_missing_below_the_root_is_named_and_no_proof_is_cut_short():
    kv = MemoryStore()
    chain = ExecutionEngine.open(ChainStore(kv), L2_CONFIG, genesis(L2_CONFIG, ALLOCATION))
    header = chain.header_by_number(0)
    nodes = chain.state_at(header).prove_account(STORE)
    kv.write({}, [NODE_PREFIX + keccak256(nodes[-1])], sync=True)
    reopened = ExecutionEngine(L2_CONFIG, ChainStore(kv))
    with pytest.raises(RpcError, match=f"trie node 0x{keccak256(nodes[-1]).hex()}"):
        rpc_of(reopened).get_proof(STORE, (), Asked(number=0))
