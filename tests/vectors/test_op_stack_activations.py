"""A real chain's genesis taken through its forks, from Regolith to Jovian, one block after another.

The contracts are the field's: those of the superchain registry's genesis and those that upgrade
transactions deploy. They are asked what they think of our fees.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace

import pytest
from l1_blocks import l1_block
from vectors import vectors_root

from chain.abi import decode, encode, selector
from chain.crypto.keccak import keccak256
from chain.crypto.secp256k1 import address_of
from chain.storage import ChainStore, MemoryStore
from chain.transaction import DynamicFeeTransaction, sign_transaction
from chain.types import Address
from evm.call import CallRequest
from evm.engine import ExecutionEngine
from evm.executor import PayloadAttributes
from evm.fastlz import fastlz_size
from evm.fees import l1_attributes, l1_fee
from evm.forks import rules_at
from genesis.addresses import (
    BEACON_ROOTS,
    GAS_PRICE_ORACLE,
    HISTORY_STORAGE,
    L1_BLOCK,
    L1_FEE_VAULT,
    OPERATOR_FEE_VAULT,
    SEQUENCER_FEE_VAULT,
)
from genesis.allocation import GenesisAccount, GenesisSpec, genesis_block
from genesis.config import ForkTimes
from genesis.registry import chain_config_of, rollup_config_of
from genesis.upgrades import upgrade_transactions
from rollup.bridge.l1_attributes import l1_attributes_deposit

SUPERCHAIN = vectors_root() / "superchain_registry" / "superchain"
KEY = b"\x5e" * 32
SENDER = address_of(KEY)
FORKS = ("canyon", "delta", "ecotone", "fjord", "granite", "holocene", "isthmus", "jovian")
BLOCKS_PER_FORK = 2
IMPLEMENTATION_SLOT = int.from_bytes(keccak256(b"eip1967.proxy.implementation"), "big") - 1
JOVIAN_L1_BLOCK = "5f885ca815d2cf27a203123e50b8ae204fdca910b6995d90b2d7700cbb9240d1"
"""The code hash that jovian/derivation.md names."""
SIGNATURE_BYTES = 68
"""What the oracle adds to a transaction without a signature."""


class RealChain:
    """An engine on a registered chain's genesis, with forks that come one by one."""

    def __init__(self, path) -> None:
        zstandard = pytest.importorskip("zstandard", reason="zstandard is not installed")
        dictionary = (SUPERCHAIN / "extra" / "dictionary").read_bytes()
        reader = zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(dictionary))
        document = json.loads(reader.decompress(path.read_bytes(), max_output_size=2**28))
        name = path.name.removesuffix(".json.zst") + ".toml"
        toml = tomllib.loads((SUPERCHAIN / "configs" / path.parent.name / name).read_text())
        registered = rollup_config_of(toml, 1)
        start = registered.genesis.l2_time
        times = {
            fork: start + 2 * (1 + BLOCKS_PER_FORK * index) + 2 for index, fork in enumerate(FORKS)
        }
        self.config = replace(registered, forks=ForkTimes(regolith=0, **times))
        chain_config = chain_config_of(self.config, 30_000_000)
        spec = GenesisSpec.from_json(document, chain_config)
        spec = replace(spec, alloc={**spec.alloc, SENDER: GenesisAccount(balance=10**24)})
        self.engine = ExecutionEngine.open(
            ChainStore(MemoryStore()), chain_config, genesis_block(spec)
        )
        self.system = replace(
            registered.genesis.system_config,
            operator_fee_scalar=1_234,
            operator_fee_constant=567,
            min_base_fee=99,
            da_footprint_gas_scalar=321,
        )
        self.origin = l1_block(100, time=start)
        self.sent = 0

    @property
    def head(self):
        return self.engine.header(self.engine.heads.unsafe.hash)

    @property
    def rules(self):
        return rules_at(self.engine.config, self.head.timestamp)

    def next_block(self, *transactions):
        """Build and import a block that opens with the L1 attributes of its time."""
        parent = self.head
        time = parent.timestamp + 2
        opening = l1_attributes_deposit(
            self.config, self.system, self.origin, parent.number + 1, time
        )
        done = self.engine.build(
            PayloadAttributes(
                parent_hash=parent.hash,
                timestamp=time,
                prev_randao=self.origin.prev_randao,
                fee_recipient=SEQUENCER_FEE_VAULT,
                gas_limit=30_000_000,
                transactions=(opening, *transactions),
                min_base_fee=self.system.min_base_fee,
            )
        )
        self.engine.import_block(done.block)
        assert [receipt.succeeded for receipt in done.receipts] == [True] * len(done.receipts)
        return done

    def pay(self) -> DynamicFeeTransaction:
        data = bytes(range(1, 256)) * 2 + bytes(40)
        nonce, self.sent = self.sent, self.sent + 1
        unsigned = DynamicFeeTransaction(
            self.config.l2_chain_id, nonce, 0, 10**10, 200_000, SENDER, 0, data
        )
        return sign_transaction(unsigned, KEY)

    def storage(self, address: Address, slot: int) -> int:
        return self.engine.state_at(self.head).get_storage(address, slot)

    def code(self, address: Address) -> bytes:
        return self.engine.state_at(self.head).get_code(address)

    def ask(self, signature: str, kind: str, *arguments):
        types = signature[signature.index("(") + 1 : -1]
        data = selector(signature) + (encode([types], arguments) if types else b"")
        done = self.engine.call(CallRequest(to=GAS_PRICE_ORACLE, data=data), self.head)
        assert done.error is None, f"{signature}: {done.error}"
        return decode([kind], done.output)[0]


def is_upgraded(chain: RealChain, fork: str) -> None:
    """What the upgrade transactions of a fork leave behind."""
    if fork == "ecotone":
        assert chain.code(BEACON_ROOTS)
    if fork == "isthmus":
        assert chain.code(HISTORY_STORAGE)
        assert chain.storage(OPERATOR_FEE_VAULT, IMPLEMENTATION_SLOT)
    if fork in ("ecotone", "fjord", "isthmus", "jovian"):
        assert chain.ask(f"is{fork.capitalize()}()", "bool")
    if fork == "jovian":
        implementation = chain.storage(L1_BLOCK, IMPLEMENTATION_SLOT).to_bytes(20, "big")
        assert keccak256(chain.code(Address(implementation))).hex() == JOVIAN_L1_BLOCK


def agrees_about_fees(chain: RealChain, fork: str) -> None:
    """The oracle's idea of our fees for a transaction, and of the operator fee."""
    state = chain.engine.state_at(chain.head)
    prices = l1_attributes(state.get_storage, chain.rules.optimism)
    unsigned = bytes(range(1, 200)) * 3 + bytes(30)
    shown = chain.ask("getL1Fee(bytes)", "uint256", unsigned)
    if fork in ("fjord", "granite", "holocene", "isthmus", "jovian"):
        assert shown == prices.data_fee(fastlz_size(unsigned) + SIGNATURE_BYTES)
    else:
        assert shown == l1_fee(prices, unsigned + b"\x01" * SIGNATURE_BYTES)
    if fork in ("isthmus", "jovian"):
        assert chain.ask("getOperatorFee(uint256)", "uint256", 123_456) == prices.operator_fee(
            123_456
        )
    assert chain.ask("l1BaseFee()", "uint256") == prices.base_fee == chain.origin.base_fee


@pytest.mark.parametrize("name", ["mainnet/mode", "sepolia/zora"])
def test_a_chain_goes_through_its_forks(name):
    chain = RealChain(SUPERCHAIN / "extra" / "genesis" / f"{name}.json.zst")
    chain.next_block(chain.pay())
    agrees_about_fees(chain, "regolith")
    for fork in FORKS:
        done = chain.next_block(*upgrade_transactions(fork))
        assert chain.rules.name == fork
        is_upgraded(chain, fork)
        if fork == "jovian":
            assert done.header.blob_gas_used == 0
        before = chain.engine.state_at(chain.head).get_balance(L1_FEE_VAULT)
        tx = chain.pay()
        paid = chain.next_block(tx)
        agrees_about_fees(chain, fork)
        prices = l1_attributes(paid.state.get_storage, chain.rules.optimism)
        after = chain.engine.state_at(chain.head).get_balance(L1_FEE_VAULT)
        assert after - before == l1_fee(prices, tx.encode()) > 0
    assert paid.header.blob_gas_used == prices.da_footprint(tx.encode()) > 0
