"""A block as the sequencer gossips it: its signature over the block, then the block.

    payload   signature r, s, v (65) ++ RLP of the block
    digest    keccak256(domain (32 zero bytes) ++ chain id (32) ++ keccak256(RLP of the block))

The digest is the OP Stack's (specs, rollup-node-p2p.md, "Block signatures"); there the payload is
SSZ under Snappy, here the RLP that everything else on this chain uses. Knows nothing of the chain.
"""

from __future__ import annotations

from typing import Final

from chain.block import Block, Known, decode_block
from chain.crypto.keccak import keccak256
from chain.crypto.secp256k1 import InvalidSignature, Signature, recover, sign
from chain.errors import DecodeError
from chain.types import Address

SIGNATURE_BYTES: Final = 65
_DOMAIN: Final = bytes(32)


def _digest(chain_id: int, encoded: bytes) -> bytes:
    return keccak256(_DOMAIN + chain_id.to_bytes(32, "big") + keccak256(encoded))


def sign_block(block: Block, chain_id: int, private_key: bytes) -> bytes:
    """The payload to gossip."""
    encoded = block.encode()
    return sign(_digest(chain_id, encoded), private_key).to_bytes() + encoded


def read_signed_block(
    payload: bytes, chain_id: int, known: Known = lambda _: None
) -> tuple[Block, Address]:
    """The block and who signed it; `known` as decode_block has it. Raises DecodeError for anything
    malformed.
    """
    if len(payload) <= SIGNATURE_BYTES:
        raise DecodeError(f"signed block: {len(payload)} bytes")
    encoded = payload[SIGNATURE_BYTES:]
    try:
        signature = Signature.from_bytes(payload[:SIGNATURE_BYTES])
        signer = recover(_digest(chain_id, encoded), signature)
    except InvalidSignature as error:
        raise DecodeError(f"signed block: {error}") from None
    return decode_block(encoded, known), signer
