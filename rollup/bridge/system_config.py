"""How L1 changes the L2's SystemConfig: ConfigUpdate events of the contract, applied in log order.

Knows the events and the frozen SystemConfig; which L1 blocks to read is derivation's business.

Source: specs protocol/system-config.md ("System config updates"), holocene, isthmus and jovian
system-config.md, ecotone/derivation.md for the scalars. An update that cannot be read is skipped,
as the specification says: L1 input must not be able to halt derivation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from chain.abi import event_topic
from chain.errors import DecodeError
from chain.types import Address
from genesis.config import SystemConfig, unpack_fee_scalar

if TYPE_CHECKING:
    from chain.receipt import Log
    from rollup.l1.provider import L1Block

CONFIG_UPDATE: Final = event_topic("ConfigUpdate(uint256,uint8,bytes)")
CONFIG_UPDATE_VERSION_0: Final = bytes(32)

UPDATE_BATCHER: Final = 0
UPDATE_FEE_SCALARS: Final = 1
UPDATE_GAS_LIMIT: Final = 2
UPDATE_UNSAFE_BLOCK_SIGNER: Final = 3
UPDATE_EIP1559_PARAMS: Final = 4
UPDATE_OPERATOR_FEE: Final = 5
UPDATE_MIN_BASE_FEE: Final = 6
UPDATE_DA_FOOTPRINT_GAS_SCALAR: Final = 7
_MAX_UINT32: Final = 2**32 - 1


def apply_config_update(
    system_config: SystemConfig, log: Log, *, is_ecotone: bool = True
) -> SystemConfig:
    """The configuration after one ConfigUpdate log.

    `is_ecotone` says whether Ecotone is active at the L1 block: before it any scalar counts.
    Raises DecodeError where the log is malformed or of an unknown version or type.
    """
    if len(log.topics) != 3 or log.topics[0] != CONFIG_UPDATE:
        raise DecodeError(f"config update: {len(log.topics)} topics, expected 3 of ConfigUpdate")
    if log.topics[1] != CONFIG_UPDATE_VERSION_0:
        raise DecodeError(f"config update: version 0x{log.topics[1].hex()}, expected 0")
    update_type = int.from_bytes(log.topics[2], "big")
    if update_type == UPDATE_UNSAFE_BLOCK_SIGNER:
        return system_config  # concerns gossip, not derivation
    if update_type == UPDATE_FEE_SCALARS and not is_ecotone:
        return _apply_bedrock_scalar(system_config, log.data)
    apply = _UPDATES.get(update_type)
    if apply is None:
        raise DecodeError(f"config update: unknown type {update_type}")
    return apply(system_config, log.data)


def apply_config_updates(
    system_config: SystemConfig, l1_block: L1Block, contract: Address, *, is_ecotone: bool = True
) -> SystemConfig:
    """The configuration after every readable ConfigUpdate of an L1 block."""
    for receipt in l1_block.receipts:
        for log in receipt.logs:
            if log.address == contract and log.topics[:1] == (CONFIG_UPDATE,):
                try:
                    system_config = apply_config_update(system_config, log, is_ecotone=is_ecotone)
                except DecodeError:
                    continue
    return system_config


def _words(data: bytes, count: int) -> list[bytes]:
    """The `count` words inside the `bytes` argument of the event, of exactly that size."""
    size = 32 * count
    if len(data) != 64 + size:
        raise DecodeError(f"config update: {len(data)} bytes of data, expected {64 + size}")
    if int.from_bytes(data[:32], "big") != 32 or int.from_bytes(data[32:64], "big") != size:
        raise DecodeError("config update: data is not one bytes value in the standard layout")
    return [data[offset : offset + 32] for offset in range(64, 64 + size, 32)]


def _zero_padded(word: bytes, size: int) -> bytes:
    if any(word[: 32 - size]):
        raise DecodeError(f"config update: 0x{word.hex()} has more than {size} bytes")
    return word[32 - size :]


def _apply_batcher(system_config: SystemConfig, data: bytes) -> SystemConfig:
    (word,) = _words(data, 1)
    return replace(system_config, batcher_address=Address(_zero_padded(word, 20)))


def _apply_fee_scalars(system_config: SystemConfig, data: bytes) -> SystemConfig:
    _, scalar = _words(data, 2)  # the first word is the overhead, without meaning since Ecotone
    base_fee_scalar, blob_base_fee_scalar = unpack_fee_scalar(scalar)
    return replace(
        system_config,
        base_fee_scalar=base_fee_scalar,
        blob_base_fee_scalar=blob_base_fee_scalar,
        overhead=0,
        bedrock_scalar=0 if scalar[0] else int.from_bytes(scalar, "big"),
    )


def _apply_bedrock_scalar(system_config: SystemConfig, data: bytes) -> SystemConfig:
    """Overhead and scalar as they are; what does not fit is the most that Ecotone can charge."""
    overhead, scalar = _words(data, 2)
    number = int.from_bytes(scalar, "big")
    return replace(
        system_config,
        base_fee_scalar=min(number, _MAX_UINT32),
        blob_base_fee_scalar=0,
        overhead=int.from_bytes(overhead, "big"),
        bedrock_scalar=number,
    )


def _apply_gas_limit(system_config: SystemConfig, data: bytes) -> SystemConfig:
    (word,) = _words(data, 1)
    return replace(system_config, gas_limit=int.from_bytes(_zero_padded(word, 8), "big"))


def _apply_eip1559_params(system_config: SystemConfig, data: bytes) -> SystemConfig:
    (word,) = _words(data, 1)
    params = _zero_padded(word, 8)
    return replace(
        system_config,
        eip1559_denominator=int.from_bytes(params[:4], "big"),
        eip1559_elasticity=int.from_bytes(params[4:], "big"),
    )


def _apply_operator_fee(system_config: SystemConfig, data: bytes) -> SystemConfig:
    (word,) = _words(data, 1)
    params = _zero_padded(word, 12)
    return replace(
        system_config,
        operator_fee_scalar=int.from_bytes(params[:4], "big"),
        operator_fee_constant=int.from_bytes(params[4:], "big"),
    )


def _apply_min_base_fee(system_config: SystemConfig, data: bytes) -> SystemConfig:
    (word,) = _words(data, 1)
    return replace(system_config, min_base_fee=int.from_bytes(_zero_padded(word, 8), "big"))


def _apply_da_footprint_gas_scalar(system_config: SystemConfig, data: bytes) -> SystemConfig:
    (word,) = _words(data, 1)
    scalar = int.from_bytes(_zero_padded(word, 2), "big")
    return replace(system_config, da_footprint_gas_scalar=scalar)


_UPDATES: Final[dict[int, Callable[[SystemConfig, bytes], SystemConfig]]] = {
    UPDATE_BATCHER: _apply_batcher,
    UPDATE_FEE_SCALARS: _apply_fee_scalars,
    UPDATE_GAS_LIMIT: _apply_gas_limit,
    UPDATE_EIP1559_PARAMS: _apply_eip1559_params,
    UPDATE_OPERATOR_FEE: _apply_operator_fee,
    UPDATE_MIN_BASE_FEE: _apply_min_base_fee,
    UPDATE_DA_FOOTPRINT_GAS_SCALAR: _apply_da_footprint_gas_scalar,
}
