"""Who may sign the blocks that are gossiped: what SystemConfig on L1 says."""

from __future__ import annotations

from chain import abi
from chain.errors import DecodeError
from chain.types import Address

from .json_rpc import JsonRpcClient


async def unsafe_block_signer(client: JsonRpcClient, system_config: Address) -> Address:
    """SystemConfig.unsafeBlockSigner, at L1's head.

    Raises DecodeError where no such contract answers, L1Unreachable and kin.
    """
    contract = "0x" + system_config.hex()
    call = {"to": contract, "data": "0x" + abi.selector("unsafeBlockSigner()").hex()}
    answer = str(await client.call("eth_call", call, "latest"))
    try:
        (signer,) = abi.decode(["address"], bytes.fromhex(answer[2:]))
    except ValueError as error:
        raise DecodeError(f"{contract}: unsafeBlockSigner: {answer[:80]}: {error}") from error
    return Address(signer)
