"""txpool_: what waits."""

from __future__ import annotations

from chain.transaction import SignedTransaction, fee_cap_wei
from chain.types import Address, checksum_address

from . import parameters
from .backend import Backend
from .hexadecimal import quantity
from .jsonrpc import Parameter, rpc
from .serialise import Json, transaction_json


class TxpoolNamespace:
    """txpool_status, content, contentFrom, inspect."""

    def __init__(self, backend: Backend) -> None:
        """The backend has the pool."""
        self._backend = backend

    @rpc("txpool_status")
    def status(self) -> Json:
        """How many transactions can run now, and how many wait for an earlier nonce."""
        status = self._backend.pool.status()
        return {"pending": quantity(status.pending), "queued": quantity(status.queued)}

    @rpc("txpool_content", heavy=True)
    def content(self) -> Json:
        """Every waiting transaction by sender and nonce."""
        content = self._backend.pool.content()
        return {
            side: {
                checksum_address(sender): {
                    str(nonce): transaction_json(pooled.tx, pooled.sender, None)
                    for nonce, pooled in by_nonce.items()
                }
                for sender, by_nonce in listed.items()
            }
            for side, listed in (("pending", content.pending), ("queued", content.queued))
        }

    @rpc("txpool_contentFrom", Parameter("address", parameters.address), heavy=True)
    def content_from(self, account: Address) -> Json:
        """What waits from one sender."""
        content = self._backend.pool.content()
        return {
            side: {
                str(nonce): transaction_json(pooled.tx, pooled.sender, None)
                for nonce, pooled in listed.get(account, {}).items()
            }
            for side, listed in (("pending", content.pending), ("queued", content.queued))
        }

    @rpc("txpool_inspect", heavy=True)
    def inspect(self) -> Json:
        """One line of text per waiting transaction."""
        content = self._backend.pool.content()
        return {
            side: {
                checksum_address(sender): {
                    str(nonce): _line(pooled.tx) for nonce, pooled in by_nonce.items()
                }
                for sender, by_nonce in listed.items()
            }
            for side, listed in (("pending", content.pending), ("queued", content.queued))
        }


def _line(tx: SignedTransaction) -> str:
    """Geth's form of one transaction in txpool_inspect."""
    to = "contract creation" if tx.to is None else checksum_address(tx.to)
    return f"{to}: {tx.value} wei + {tx.gas_limit} gas × {fee_cap_wei(tx)} wei"
