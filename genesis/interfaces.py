"""The functions and events of the native precompiles, as Solidity declares them.

Both towers speak to the precompiles through these values: the node and the worker encode calls and
read events, `evm.precompiles` decodes arguments and writes logs. `scripts/write_abi.py` writes the
same as ABI JSON for wallets and other clients. What the functions do is not known here; see
docs/protocol/.

Reverts carry Solidity's `Error(string)`: "<precompile>: <what was refused, and both sides>".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from chain.abi import decode, encode
from chain.errors import DecodeError, EncodeError
from chain.receipt import Log
from chain.types import Address, Hash32

from . import addresses
from .solidity import Event, Function, parse_declaration


@dataclass(frozen=True, slots=True)
class DecodedEvent:
    """A log read with its interface: `arguments` by parameter name."""

    address: Address
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Interface:
    """One precompile's functions by selector and name, and its events by topic and name."""

    name: str
    address: Address
    functions: Mapping[str, Function]
    events: Mapping[str, Event]
    functions_by_selector: Mapping[bytes, Function] = field(repr=False)
    events_by_topic: Mapping[Hash32, Event] = field(repr=False)

    def function(self, name: str) -> Function:
        """Find a function. Raises EncodeError where there is none of this name."""
        if name not in self.functions:
            raise EncodeError(f"{self.name} has no function {name!r}")
        return self.functions[name]

    def event(self, name: str) -> Event:
        """Find an event. Raises EncodeError where there is none of this name."""
        if name not in self.events:
            raise EncodeError(f"{self.name} has no event {name!r}")
        return self.events[name]

    def encode_call(self, name: str, *arguments: object) -> bytes:
        """Calldata of a call: selector and ABI-encoded arguments (tuples as Python tuples).

        Raises EncodeError for an unknown function, a wrong count or a value that does not fit.
        """
        function = self.function(name)
        if len(arguments) != len(function.inputs):
            raise EncodeError(
                f"{self.name}.{name}: {len(arguments)} arguments, expected {len(function.inputs)}"
            )
        return function.selector + encode(function.input_types, list(arguments))

    def decode_arguments(self, function: Function, calldata: bytes) -> tuple[Any, ...]:
        """Arguments of a call whose selector was found already. Raises DecodeError."""
        return decode(function.input_types, calldata[4:])

    def decode_call(self, calldata: bytes) -> tuple[Function, dict[str, Any]]:
        """Read calldata back into its function and arguments by name. Raises DecodeError."""
        function = self.functions_by_selector.get(bytes(calldata[:4]))
        if function is None:
            raise DecodeError(f"{self.name}: no function has selector 0x{calldata[:4].hex()}")
        names = [each.name for each in function.inputs]
        return function, dict(zip(names, self.decode_arguments(function, calldata), strict=True))

    def encode_result(self, name: str, *results: object) -> bytes:
        """Return data of a call, as the precompile makes it."""
        return encode(self.function(name).output_types, list(results))

    def decode_result(self, name: str, output: bytes) -> dict[str, Any]:
        """Results of a call by name, in order. Raises DecodeError."""
        function = self.function(name)
        values = decode(function.output_types, output)
        return dict(zip([each.name for each in function.outputs], values, strict=True))

    def encode_event(self, name: str, *arguments: object) -> tuple[tuple[Hash32, ...], bytes]:
        """Topics and data of an event; indexed parameters are all of static types."""
        event = self.event(name)
        pairs = list(zip(event.inputs, arguments, strict=True))
        topics = [Hash32(encode([each.type], [value])) for each, value in pairs if each.indexed]
        data = [(each.type, value) for each, value in pairs if not each.indexed]
        return (event.topic, *topics), encode([t for t, _ in data], [v for _, v in data])

    def decode_event(self, log: Log) -> DecodedEvent | None:
        """Read a log of this precompile; None where the address or the event is another's.

        Raises DecodeError where the topics or the data do not fit the event.
        """
        event = self.events_by_topic.get(log.topics[0]) if log.topics else None
        if event is None or log.address != self.address:
            return None
        if len(log.topics) != 1 + len(event.indexed):
            raise DecodeError(
                f"{self.name}.{event.name}: {len(log.topics)} topics,"
                f" expected {1 + len(event.indexed)}"
            )
        found = {
            each.name: decode([each.type], topic)[0]
            for each, topic in zip(event.indexed, log.topics[1:], strict=True)
        }
        data = decode([each.type for each in event.plain], log.data)
        found |= {each.name: value for each, value in zip(event.plain, data, strict=True)}
        ordered = {each.name: found[each.name] for each in event.inputs}
        return DecodedEvent(self.address, event.name, MappingProxyType(ordered))

    def abi_json(self) -> list[dict[str, Any]]:
        """The ABI as wallets and clients read it."""
        functions = [each.abi_json() for each in self.functions.values()]
        return functions + [each.abi_json() for each in self.events.values()]


def _interface(name: str, declarations: Sequence[str]) -> Interface:
    parsed = [parse_declaration(text) for text in declarations]
    functions = {each.name: each for each in parsed if isinstance(each, Function)}
    events = {each.name: each for each in parsed if isinstance(each, Event)}
    return Interface(
        name=name,
        address=addresses.NATIVE_PRECOMPILES[name],
        functions=MappingProxyType(functions),
        events=MappingProxyType(events),
        functions_by_selector=MappingProxyType({f.selector: f for f in functions.values()}),
        events_by_topic=MappingProxyType({e.topic: e for e in events.values()}),
    )


DATANET_REGISTRY = _interface(
    "datanet_registry",
    (
        """function createDatanet(string metadata, bytes32 schemaHash, bytes32 licence,
            bool openToAll) returns (uint256 datanetId)""",
        """function contribute(uint256 datanetId, bytes32 contentRoot, uint64 rowCount,
            bytes32 licence) returns (uint256 contributionId)""",
        "function approve(uint256 datanetId, uint256 contributionId)",
        "function reject(uint256 datanetId, uint256 contributionId)",
        "function revoke(uint256 datanetId, uint256 contributionId)",
        """function publishVersion(uint256 datanetId, uint256[] contributionIds)
            returns (uint256 version)""",
        "function freeze(uint256 datanetId)",
        """function getDatanet(uint256 datanetId) view returns (address owner, bool openToAll,
            bool frozen, bytes32 schemaHash, bytes32 licence, uint256 contributionCount,
            uint256 versionCount)""",
        """function getContribution(uint256 datanetId, uint256 contributionId) view
            returns (address contributor, bytes32 contentRoot, uint64 rowCount, bytes32 licence,
            uint8 status)""",
        """function getVersion(uint256 datanetId, uint256 version) view returns (
            bytes32 snapshotRoot, uint64 rowCount, uint256 contributionCount,
            uint64 blockNumber)""",
        """function isVersion(uint256 datanetId, bytes32 snapshotRoot) view
            returns (bool published)""",
        "function datanetCount() view returns (uint256 count)",
        """event DatanetCreated(uint256 indexed datanetId, address indexed owner,
            bytes32 schemaHash, bytes32 licence, bool openToAll, string metadata)""",
        """event ContributionSubmitted(uint256 indexed datanetId, uint256 indexed contributionId,
            address indexed contributor, bytes32 contentRoot, uint64 rowCount, bytes32 licence)""",
        """event ContributionApproved(uint256 indexed datanetId, uint256 indexed contributionId,
            address indexed by)""",
        """event ContributionRejected(uint256 indexed datanetId, uint256 indexed contributionId,
            address indexed by)""",
        """event ContributionRevoked(uint256 indexed datanetId, uint256 indexed contributionId,
            address indexed by)""",
        """event VersionPublished(uint256 indexed datanetId, uint256 indexed version,
            bytes32 snapshotRoot, uint64 rowCount, uint256[] contributionIds)""",
        "event DatanetFrozen(uint256 indexed datanetId)",
    ),
)

WORKER_REGISTRY = _interface(
    "worker_registry",
    (
        "function register(bytes32 capability, bytes32 endpointKey) payable",
        "function addBond() payable",
        "function requestExit()",
        "function withdrawBond() returns (uint256 amount)",
        "function depositRewards() payable",
        "function claimStakerRewards() returns (uint256 amount)",
        """function getWorker(address worker) view returns (uint256 bond, bytes32 capability,
            bytes32 endpointKey, uint8 status, uint64 exitAt)""",
        "function isActive(address worker) view returns (bool active)",
        "function totalBond() view returns (uint256 amount)",
        "function pendingRewards(address worker) view returns (uint256 amount)",
        """event WorkerRegistered(address indexed worker, uint256 bond, bytes32 capability,
            bytes32 endpointKey)""",
        "event BondAdded(address indexed worker, uint256 amount, uint256 bond)",
        "event ExitRequested(address indexed worker, uint64 exitAt)",
        "event BondWithdrawn(address indexed worker, uint256 amount)",
        "event RewardsDeposited(uint256 amount)",
        "event RewardsClaimed(address indexed worker, uint256 amount)",
    ),
)

MODEL_REGISTRY = _interface(
    "model_registry",
    (
        "function registerBaseModel(bytes32 baseModel, uint16 royaltyBp, string metadata)",
        """function requestTraining(uint256 datanetId, bytes32 snapshotRoot, bytes32 baseModel,
            bytes32 recipeHash, uint64 deadline, uint256 inputPriceWei, uint256 outputPriceWei,
            uint16 royaltyBp) payable returns (uint256 jobId)""",
        "function claimTraining(uint256 jobId)",
        """function submitTraining((uint256 jobId, uint256 datanetId, bytes32 snapshotRoot,
            bytes32 baseModel, bytes32 recipeHash, bytes32 checkpointsRoot, bytes32 adapterId,
            uint64 steps, bytes32 metricsHash) statement, bytes signature)""",
        "function expireTraining(uint256 jobId)",
        "function setPrice(bytes32 adapterId, uint256 inputPriceWei, uint256 outputPriceWei)",
        """function getBaseModel(bytes32 baseModel) view returns (address owner,
            uint16 royaltyBp)""",
        """function getJob(uint256 jobId) view returns (address requester, address worker,
            uint256 datanetId, bytes32 snapshotRoot, bytes32 baseModel, bytes32 recipeHash,
            uint64 deadline, uint256 feeWei, uint8 status)""",
        """function getAdapter(bytes32 adapterId) view returns (address owner, bytes32 baseModel,
            uint256 datanetId, bytes32 snapshotRoot, uint256 jobId, uint256 inputPriceWei,
            uint256 outputPriceWei, uint16 royaltyBp)""",
        """function getRoyalties(bytes32 adapterId) view returns (address adapterOwner,
            uint16 adapterRoyaltyBp, address baseOwner, uint16 baseRoyaltyBp)""",
        "function jobCount() view returns (uint256 count)",
        """event BaseModelRegistered(bytes32 indexed baseModel, address indexed owner,
            uint16 royaltyBp, string metadata)""",
        """event TrainingRequested(uint256 indexed jobId, uint256 indexed datanetId,
            address indexed requester, bytes32 snapshotRoot, bytes32 baseModel,
            bytes32 recipeHash, uint64 deadline, uint256 feeWei)""",
        "event TrainingClaimed(uint256 indexed jobId, address indexed worker)",
        """event TrainingSubmitted(uint256 indexed jobId, bytes32 indexed adapterId,
            address indexed worker, bytes32 checkpointsRoot, uint64 steps, bytes32 metricsHash)""",
        """event AdapterRegistered(bytes32 indexed adapterId, uint256 indexed jobId,
            address indexed owner, bytes32 baseModel, uint256 inputPriceWei,
            uint256 outputPriceWei, uint16 royaltyBp)""",
        "event TrainingExpired(uint256 indexed jobId, uint256 refundWei)",
        """event PriceChanged(bytes32 indexed adapterId, uint256 inputPriceWei,
            uint256 outputPriceWei)""",
    ),
)

INFERENCE_ESCROW = _interface(
    "inference_escrow",
    (
        """function open(bytes32 adapterId, address worker, bytes32 promptHash,
            uint64 maxInputTokens, uint64 maxOutputTokens, uint64 deadline) payable
            returns (bytes32 requestId)""",
        "function refund(bytes32 requestId)",
        "function settle(bytes32 requestId, uint256 feeWei)",
        """function getRequest(bytes32 requestId) view returns (address caller,
            bytes32 adapterId, address worker, bytes32 promptHash, uint64 maxInputTokens,
            uint64 maxOutputTokens, uint64 deadline, uint256 maxFeeWei, uint8 status)""",
        """function pricesOf(bytes32 requestId) view returns (uint256 inputPriceWei,
            uint256 outputPriceWei)""",
        "function nonceOf(address caller) view returns (uint256 nonce)",
        """function requestIdOf(address caller, uint256 nonce) view
            returns (bytes32 requestId)""",
        """event RequestOpened(bytes32 indexed requestId, address indexed caller,
            bytes32 indexed adapterId, address worker, bytes32 promptHash,
            uint64 maxInputTokens, uint64 maxOutputTokens, uint64 deadline,
            uint256 maxFeeWei)""",
        """event RequestSettled(bytes32 indexed requestId, uint256 feeWei,
            uint256 refundWei)""",
        "event RequestRefunded(bytes32 indexed requestId, uint256 refundWei)",
    ),
)

PROOF_OF_ATTRIBUTION = _interface(
    "proof_of_attribution",
    (
        """function settle((bytes32 requestId, bytes32 adapterId, bytes32 promptHash,
            bytes32 outputHash, uint64 inputTokens, uint64 outputTokens, bytes32 sharesRoot,
            bytes32 evidenceHash) statement, bytes signature, address[] accounts,
            uint256[] sharesPpm)""",
        """function claimShare(bytes32 requestId, uint256 index, uint256 count,
            address account, uint256 ppm, bytes32[] proof) returns (uint256 amountWei)""",
        "function claim() returns (uint256 amountWei)",
        "function claimFor(address account) returns (uint256 amountWei)",
        "function balanceOf(address account) view returns (uint256 amountWei)",
        "function heldOf(bytes32 requestId) view returns (uint256 heldWei, uint256 claimedPpm)",
        """function isShareClaimed(bytes32 requestId, uint256 index) view
            returns (bool claimed)""",
        """function getSettlement(bytes32 requestId) view returns (bytes32 adapterId,
            bytes32 outputHash, bytes32 sharesRoot, bytes32 evidenceHash, uint64 inputTokens,
            uint64 outputTokens, uint256 feeWei, uint256 contributorsWei, address worker,
            uint64 blockNumber)""",
        """event Settled(bytes32 indexed requestId, bytes32 indexed adapterId,
            address indexed worker, bytes32 promptHash, bytes32 outputHash, uint64 inputTokens,
            uint64 outputTokens, bytes32 sharesRoot, bytes32 evidenceHash, uint256 feeWei)""",
        """event Paid(bytes32 indexed requestId, address indexed account, uint8 role,
            uint256 amountWei)""",
        "event SharesHeld(bytes32 indexed requestId, bytes32 sharesRoot, uint256 amountWei)",
        "event Claimed(address indexed account, uint256 amountWei)",
    ),
)

INTERFACES: Mapping[str, Interface] = MappingProxyType(
    {
        each.name: each
        for each in (
            DATANET_REGISTRY,
            WORKER_REGISTRY,
            MODEL_REGISTRY,
            INFERENCE_ESCROW,
            PROOF_OF_ATTRIBUTION,
        )
    }
)
"""All interfaces by precompile name."""

_BY_ADDRESS = {each.address: each for each in INTERFACES.values()}


def decode_event(log: Log) -> DecodedEvent | None:
    """Read a log of any native precompile; None where it is of another contract.

    Raises DecodeError where the log is ours and does not fit its event.
    """
    interface = _BY_ADDRESS.get(log.address)
    return None if interface is None else interface.decode_event(log)
