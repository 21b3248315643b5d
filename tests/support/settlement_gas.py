"""What each call to the settlement contracts and to the bridges of L2 costs, in gas.

Everything is measured on a fresh pair of layers in one fixed order, so a figure changes only with
the contracts. A call's gas is that of its whole transaction: its own 21,000, its calldata, its
execution less refunds, at least the calldata floor (EIP-7623); a deposit's is that of its message.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from contract_bench import SENDER, ContractBench, Outcome, call_data
from counter_machine import CounterOutputs
from dispute_bench import new_game
from dispute_games import HONEST, LIAR, LyingOutputs
from settlement import (
    CREATE,
    GUARDIAN,
    OWNER,
    PROPOSER,
    PROVE,
    SETTLEMENT,
    extra_data,
    output_of,
    withdrawal,
)
from two_layers import BRIDGE_ERC20_TO, BRIDGE_ETH_TO, CREATE_TOKEN, TwoLayers

from chain.types import ZERO_ADDRESS, Address
from evm.intrinsic_gas import required_gas
from genesis.addresses import (
    L2_CROSS_DOMAIN_MESSENGER,
    L2_STANDARD_BRIDGE,
    L2_TO_L1_MESSAGE_PASSER,
    OPTIMISM_MINTABLE_ERC20_FACTORY,
)
from rollup.bridge.withdrawals import decode_withdrawal
from rollup.dispute.strategy import Step, next_actions
from rollup.dispute.trace import SplitTrace
from rollup.settlement.deploy import GAME_TYPE

ALICE = Address(b"\xa1" * 20)
SEND = "sendMessage(address,bytes,uint32)"
HASH = b"\x11" * 32


@dataclass(frozen=True)
class Row:
    """One figure of the table."""

    contract: str
    call: str
    gas: int


def transaction_gas(data: bytes, outcome: Outcome) -> int:
    """Gas of a transaction with that calldata whose execution left that outcome."""
    intrinsic, floor = required_gas(data, is_create=False)
    return max(intrinsic + outcome.gas_used - outcome.gas_refund, floor)


class Meter:
    """Sends calls and writes down what they cost."""

    def __init__(self) -> None:
        self.layers = TwoLayers()
        self.rows: list[Row] = []

    def call(
        self,
        bench: ContractBench,
        contract: str,
        label: str,
        to: Address,
        data: bytes,
        *,
        value: int = 0,
        sender: Address = SENDER,
    ) -> Outcome:
        """One transaction; a row of the table."""
        outcome = bench.send(to, data, value=value, sender=sender)
        assert outcome.succeeded, (contract, label, outcome.output)
        self.rows.append(Row(contract, label, transaction_gas(data, outcome)))
        return outcome

    def l1(self, contract: str, label: str, to: Address, data: bytes, **how: object) -> Outcome:
        """A transaction on L1."""
        return self.call(self.layers.l1, contract, label, to, data, **how)

    def l2(self, contract: str, label: str, to: Address, data: bytes, **how: object) -> Outcome:
        """A transaction on L2."""
        return self.call(self.layers.l2, contract, label, to, data, **how)

    def relayed(self, label: str, outcome: Outcome) -> None:
        """The deposits that a call on L1 has made, as they run on L2."""
        for relayed in self.layers.deliver(outcome):
            self.rows.append(Row("L2CrossDomainMessenger", label, relayed.gas_used))


def measure() -> list[Row]:
    """Every row of the table."""
    meter = Meter()
    for part in (_deposits, _games, _dispute, _withdrawals, _governance):
        part(meter)
    return meter.rows


def _deposits(meter: Meter) -> None:
    layers, at = meter.layers, meter.layers.at
    deposit = "depositTransaction(address,uint256,uint64,bool,bytes)"
    plain = call_data(deposit, ALICE, 1, 100_000, False, b"")
    layers.deliver(layers.l1.send(at.portal, plain, value=1))
    meter.l1("OptimismPortal", "depositTransaction, no data", at.portal, plain, value=1)
    long = call_data(deposit, ALICE, 1, 200_000, False, b"\x01" * 1000)
    meter.l1("OptimismPortal", "depositTransaction, 1,000 bytes", at.portal, long, value=1)
    meter.l1("OptimismPortal", "ether alone", at.portal, b"", value=1)
    message = call_data(SEND, ALICE, b"\x01" * 100, 100_000)
    sent = meter.l1(
        "L1CrossDomainMessenger", "sendMessage, 100 bytes", at.l1_cross_domain_messenger, message
    )
    meter.relayed("relayMessage, 100 bytes", sent)
    call = call_data(BRIDGE_ETH_TO, ALICE, 100_000, b"")
    sent = meter.l1("L1StandardBridge", "bridgeETHTo", at.l1_standard_bridge, call, value=10**18)
    meter.relayed("relayMessage, ether for the bridge", sent)
    meter.token = layers.token()
    create = call_data(CREATE_TOKEN, meter.token, "Twin", "TWN")
    made = meter.l2(
        "OptimismMintableERC20Factory",
        "createOptimismMintableERC20",
        OPTIMISM_MINTABLE_ERC20_FACTORY,
        create,
    )
    meter.twin = Address(made.output[12:])
    call = call_data(BRIDGE_ERC20_TO, meter.token, meter.twin, ALICE, 1000, 200_000, b"")
    sent = meter.l1("L1StandardBridge", "bridgeERC20To", at.l1_standard_bridge, call)
    meter.relayed("relayMessage, tokens for the bridge", sent)


def _games(meter: Meter) -> None:
    layers, at = meter.layers, meter.layers.at
    factory, bond = at.dispute_game_factory, layers.rollup.bond
    layers.l1.state.set_balance(ALICE, 10**20)
    layers.rollup.propose(b"\x01" * 32, 1)
    create = call_data(CREATE, GAME_TYPE, HASH, extra_data(2))
    made = meter.l1("DisputeGameFactory", "create", factory, create, value=bond, sender=PROPOSER)
    game = Address(made.output[12:])
    attack = call_data("attack(bytes32,uint256,bytes32)", HASH, 0, b"\x22" * 32)
    attack_bond = layers.l1.view(game, "getRequiredBond(uint128)", ["uint256"], 2)
    meter.l1("FaultDisputeGame", "attack", game, attack, value=attack_bond, sender=ALICE)
    defend = call_data("defend(bytes32,uint256,bytes32)", b"\x22" * 32, 1, b"\x33" * 32)
    defend_bond = layers.l1.view(game, "getRequiredBond(uint128)", ["uint256"], 6)
    meter.l1("FaultDisputeGame", "defend", game, defend, value=defend_bond, sender=PROPOSER)
    layers.l1.advance(2 * SETTLEMENT.max_clock_s)
    for index, label in ((2, "resolveClaim, unanswered"), (1, "resolveClaim, one answer")):
        call = call_data("resolveClaim(uint256,uint256)", index, 0)
        meter.l1("FaultDisputeGame", label, game, call)
    layers.l1.send(game, call_data("resolveClaim(uint256,uint256)", 0, 0))
    meter.l1("FaultDisputeGame", "resolve", game, call_data("resolve()"))
    layers.l1.advance(SETTLEMENT.game_finality_delay_s + 1)
    claim = call_data("claimCredit(address)", PROPOSER)
    meter.l1("FaultDisputeGame", "claimCredit, first: close and unlock", game, claim)
    layers.l1.advance(SETTLEMENT.bond_delay_s)
    meter.l1("FaultDisputeGame", "claimCredit, second: pay", game, claim)
    search = call_data("findLatestGames(uint32,uint256,uint256)", GAME_TYPE, 1, 2)
    meter.l1("DisputeGameFactory", "findLatestGames, two games", factory, search)


def _dispute(meter: Meter) -> None:
    """A game of the full depth, on its own contracts: what the moves and the step at its end cost.

    The step's gas has the counter's machine in it, which adds a few thousand.
    """
    liar = LyingOutputs(1000, 3, b"lie")
    game = new_game(liar.output_root(2000), 2000, creator=LIAR)
    sides = ((HONEST, SplitTrace(CounterOutputs())), (LIAR, SplitTrace(liar)))
    labels = {31: "attack, the root of a trace", 58: "attack, the last claim"}
    while True:
        for who, trace in sides:
            for action in next_actions(game.read(), trace):
                outcome = game.act(action, who)
                assert outcome.succeeded, outcome.output
                moved = len(game.read().claims) - 1
                if isinstance(action, Step):
                    data = game.call(action)
                    gas = transaction_gas(data, outcome)
                    meter.rows.append(Row("FaultDisputeGame", "step, with a small machine", gas))
                    return
                if moved in labels:
                    gas = transaction_gas(game.call(action), outcome)
                    meter.rows.append(Row("FaultDisputeGame", labels[moved], gas))


def _sent(meter: Meter) -> Iterator[tuple[str, Outcome]]:
    """Withdrawals of each kind, as they are sent on L2."""
    layers = meter.layers
    layers.l2.state.set_balance(ALICE, 10**18)
    initiate = call_data("initiateWithdrawal(address,uint256,bytes)", ALICE, 21_000, b"")
    yield "plain ether", meter.l2(
        "L2ToL1MessagePasser", "initiateWithdrawal, no data", L2_TO_L1_MESSAGE_PASSER, initiate,
        value=5, sender=ALICE,
    )  # fmt: skip
    message = call_data(SEND, ALICE, b"\x01" * 100, 100_000)
    yield "a message of 100 bytes", meter.l2(
        "L2CrossDomainMessenger", "sendMessage, 100 bytes", L2_CROSS_DOMAIN_MESSENGER, message,
        sender=ALICE,
    )  # fmt: skip
    ether = call_data(BRIDGE_ETH_TO, ALICE, 100_000, b"")
    yield (
        "bridged ether",
        meter.l2(
            "L2StandardBridge", "bridgeETHTo", L2_STANDARD_BRIDGE, ether, value=5, sender=ALICE
        ),
    )
    tokens = call_data(BRIDGE_ERC20_TO, meter.twin, meter.token, ALICE, 10, 200_000, b"")
    yield (
        "bridged tokens",
        meter.l2("L2StandardBridge", "bridgeERC20To", L2_STANDARD_BRIDGE, tokens, sender=ALICE),
    )


def _withdrawals(meter: Meter) -> None:
    layers, at = meter.layers, meter.layers.at
    sent = [(label, decode_withdrawal(outcome.logs)) for label, outcome in _sent(meter)]
    # A trie as deep as that of a young chain.
    fillers = [withdrawal(nonce) for nonce in range(1000, 1100)]
    output = output_of([item for _, item in sent] + fillers, other_slots=900)
    index, game = layers.rollup.propose(output.root.root, 9)
    layers.l1.advance(1)
    root = output.root
    for label, item in sent:
        proof = output.proof(item)
        outputs = (
            bytes(32), root.state_root, root.message_passer_storage_root, root.block_hash
        )  # fmt: skip
        call = call_data(PROVE, item.as_tuple(), index, outputs, proof)
        name = f"proveWithdrawalTransaction, {label}, {len(proof)} nodes"
        meter.l1("OptimismPortal", name, at.portal, call)
    layers.rollup.resolve(game)
    layers.rollup.mature()
    finalize = "finalizeWithdrawalTransaction((uint256,address,address,uint256,uint256,bytes))"
    for label, item in sent:
        call = call_data(finalize, item.as_tuple())
        meter.l1("OptimismPortal", f"finalizeWithdrawalTransaction, {label}", at.portal, call)


def _governance(meter: Meter) -> None:
    at = meter.layers.at
    for name, arguments in (
        ("setBatcherHash(bytes32)", (bytes(12) + ALICE,)),
        ("setGasConfigEcotone(uint32,uint32)", (5, 6)),
        ("setGasLimit(uint64)", (40_000_000,)),
        ("setUnsafeBlockSigner(address)", (ALICE,)),
        ("setEIP1559Params(uint32,uint32)", (32, 4)),
        ("setOperatorFeeScalars(uint32,uint64)", (9, 10)),
        ("setMinBaseFee(uint64)", (7,)),
        ("setDAFootprintGasScalar(uint16)", (8,)),
    ):
        label = name[: name.index("(")]
        call = call_data(name, *arguments)
        meter.l1("SystemConfig", label, at.system_config, call, sender=OWNER)
    registry = at.anchor_state_registry
    game_type = call_data("setRespectedGameType(uint32)", GAME_TYPE)
    meter.l1("AnchorStateRegistry", "setRespectedGameType", registry, game_type, sender=GUARDIAN)
    strike = call_data("blacklistDisputeGame(address)", ALICE)
    meter.l1("AnchorStateRegistry", "blacklistDisputeGame", registry, strike, sender=GUARDIAN)
    pause = call_data("pause(address)", ZERO_ADDRESS)
    meter.l1("SuperchainConfig", "pause", at.superchain_config, pause, sender=GUARDIAN)
    unpause = call_data("unpause(address)", ZERO_ADDRESS)
    meter.l1("SuperchainConfig", "unpause", at.superchain_config, unpause, sender=GUARDIAN)
    bond = call_data("setInitBond(uint32,uint256)", GAME_TYPE, 1)
    meter.l1("DisputeGameFactory", "setInitBond", at.dispute_game_factory, bond, sender=OWNER)
