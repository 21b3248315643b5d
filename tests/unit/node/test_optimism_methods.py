"""optimism_: op-node's field names, and what they say about a chain that was derived."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from actors import World

from chain.txpool import TransactionPool
from genesis.config import RollupConfig
from node.rpc.backend import Backend, QueryLimits
from node.rpc.errors import RpcError
from node.rpc.hexadecimal import data
from node.rpc.optimism import OptimismNamespace, RollupView
from node.rpc.parameters import block_number_or_tag
from rollup.wire.output_root import output_of_header

L1_FIELDS = {"hash", "number", "parentHash", "timestamp"}
L2_FIELDS = L1_FIELDS | {"l1origin", "sequenceNumber"}
STATUS_FIELDS = {
    "current_l1": L1_FIELDS, "current_l1_finalized": L1_FIELDS, "head_l1": L1_FIELDS,
    "safe_l1": L1_FIELDS, "finalized_l1": L1_FIELDS, "unsafe_l2": L2_FIELDS, "safe_l2": L2_FIELDS,
    "finalized_l2": L2_FIELDS, "pending_safe_l2": L2_FIELDS, "queued_unsafe_l2": L2_FIELDS,
}  # fmt: skip


@pytest.fixture
def world():
    made = World()
    for _ in range(2):
        made.round()
    made.verifier.derive(finalized=2)
    return made


@pytest.fixture
def optimism(world):
    node = world.verifier
    pool = TransactionPool(chain_id=world.config.l2_chain_id)
    backend = Backend(node.engine, pool, QueryLimits())
    return OptimismNamespace(backend, RollupView(world.config, node.driver, node.l1.provider))


def test_sync_status_has_op_nodes_fields(world, optimism):
    status = optimism.sync_status()
    assert {name: set(value) for name, value in status.items()} == STATUS_FIELDS
    safe = world.verifier.safe
    assert status["safe_l2"]["hash"] == status["pending_safe_l2"]["hash"] == data(safe.hash)
    assert status["head_l1"]["number"] == world.miner.head.number
    assert 0 < status["finalized_l2"]["number"] < status["safe_l2"]["number"]
    assert status["safe_l2"]["l1origin"]["number"] <= status["current_l1"]["number"]


def test_a_span_that_goes_on_is_pending(optimism):
    reference = optimism._rollup.driver.safe_head
    view = SimpleNamespace(span_head=reference, l1_origin=None)
    optimism._rollup = RollupView(optimism._rollup.config, view, optimism._rollup.provider)
    assert optimism.sync_status()["pending_safe_l2"]["number"] == reference.number


def test_output_at_block_opens_the_output_root(world, optimism):
    answer = optimism.output_at_block(block_number_or_tag("0x3"))
    assert set(answer) == {
        "version", "outputRoot", "blockRef", "withdrawalStorageRoot", "stateRoot", "syncStatus",
    }  # fmt: skip
    header = world.verifier.engine.header_by_number(3)
    assert answer["outputRoot"] == data(output_of_header(header).root)
    assert answer["blockRef"]["number"] == 3
    with pytest.raises(RpcError, match="header not found"):
        optimism.output_at_block(block_number_or_tag("0xffff"))


def test_safe_head_at_l1_block(world, optimism):
    number = world.miner.head.number
    answer = optimism.safe_head_at_l1_block(block_number_or_tag(hex(number)))
    assert answer["safeHead"]["number"] == world.verifier.safe.number
    assert answer["l1Block"]["number"] == number


def test_rollup_config_is_the_file(world, optimism):
    assert RollupConfig.from_json(optimism.rollup_config()) == world.config
    assert optimism.version().startswith("stemma/")
