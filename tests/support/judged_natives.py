"""A market whose native steps the one-step verifier takes too, and settlements in it."""

from __future__ import annotations

from judged_host import JudgedHost
from natives import PROOF_OF_ATTRIBUTION, WORKER, Natives, ascending_shares

from chain.attestation import shares_proof

SHARES = ascending_shares(500_001, 300_000, 199_999)


def opened(verifier, value=400_000):
    """A market with an open request: host, natives, the request's id. It is judged from then on."""
    host = JudgedHost(verifier, judges=False, loads=100)
    natives = Natives(host)
    natives.register_adapter()
    identity = natives.open_request(value=value)
    host.judges = True
    return host, natives, identity


def settle_arguments(natives, identity, shares=SHARES, *, is_held=False, **tokens):
    """Arguments of `settle`."""
    statement = natives.inference_statement(identity, shares, **tokens)
    arguments = natives.settle_arguments(statement, shares)
    return (*arguments[:2], [], []) if is_held else arguments


def settle(natives, identity, shares=SHARES, *, by=WORKER, **options):
    """Settle a request, its shares paid at once or held."""
    arguments = settle_arguments(natives, identity, shares, **options)
    return natives.send(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=by)


def share_arguments(identity, index, shares=SHARES):
    """Arguments of `claimShare`."""
    return (identity, index, len(shares), *shares[index], shares_proof(shares, index))


def changed(data, changes):
    """Calldata with other words among its arguments, by their numbers."""
    words = dict(changes)
    return data[:4] + b"".join(
        words[index].to_bytes(32, "big")
        if index in words
        else data[4 + 32 * index : 36 + 32 * index]
        for index in range((len(data) - 4 + 31) // 32)
    )
