"""The process that finds out who sent transactions: raw bytes in, addresses out.

`python -m node.sender_worker DESCRIPTOR`, started by `SenderRecovery` with one end of a socket
pair. It knows nothing of chains or pools, and ends when the other end is closed, however that came
about: a node that is killed leaves none behind.

Messages: a byte 1 when it is ready; then, each way, four bytes of length and so many bytes. Towards
the worker they are transactions, each with four bytes of length; back come 20 bytes for each, all
zero where the node has to look for itself.
"""

from __future__ import annotations

import signal
import socket
import sys
from typing import Final

from chain.errors import StemmaError
from chain.transaction import decode_transaction, recover_sender
from chain.types import ADDRESS_BYTES, ZERO_ADDRESS, Address

LENGTH_BYTES: Final = 4
READY: Final = b"\x01"


class PeerGone(StemmaError):
    """The other end of the connection was closed."""


def encode_request(raws: list[bytes]) -> bytes:
    """One message with these transactions."""
    parts = [b""]
    for raw in raws:
        parts += (len(raw).to_bytes(LENGTH_BYTES, "big"), raw)
    body = b"".join(parts)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def decode_request(body: bytes) -> list[bytes]:
    """The transactions of a message, its length taken off."""
    raws: list[bytes] = []
    position = 0
    while position < len(body):
        start = position + LENGTH_BYTES
        position = start + int.from_bytes(body[position:start], "big")
        raws.append(body[start:position])
    return raws


def receive(connection: socket.socket, size: int) -> bytes:
    """Exactly so many bytes. Raises PeerGone, and OSError where the connection fails."""
    received = bytearray()
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            raise PeerGone(f"the connection ended after {len(received)} of {size} bytes")
        received += part
    return bytes(received)


def receive_message(connection: socket.socket) -> bytes:
    """One message, its length taken off. Raises PeerGone, OSError."""
    return receive(connection, int.from_bytes(receive(connection, LENGTH_BYTES), "big"))


def sender_or_zero(raw: bytes) -> Address:
    """Who signed these bytes; the zero address where nobody can be made out."""
    try:
        return recover_sender(decode_transaction(raw))
    except StemmaError:
        return ZERO_ADDRESS


def answer(body: bytes) -> bytes:
    """The message that answers one."""
    senders = b"".join([sender_or_zero(raw) for raw in decode_request(body)])
    return len(senders).to_bytes(LENGTH_BYTES, "big") + senders


def decode_answer(body: bytes) -> list[Address]:
    """The senders of an answer, its length taken off."""
    return [
        Address(body[start : start + ADDRESS_BYTES]) for start in range(0, len(body), ADDRESS_BYTES)
    ]


def serve(connection: socket.socket) -> None:
    """Answer until the other end is closed."""
    try:
        connection.sendall(READY)
        while True:
            connection.sendall(answer(receive_message(connection)))
    except (PeerGone, OSError):
        return


def main() -> None:
    """Serve on the descriptor that the command line names."""
    # Ctrl-C reaches the whole group; the node then closes the connection in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection)


if __name__ == "__main__":
    main()
