"""What goes wrong between nodes, by blame: a peer's fault lowers its score, ours is a bug.

P2PError
  LocalProtocolError    we used a machine against its rules
  RemoteProtocolError   the peer sent what it may not send; ends the session
    DecryptionFailed    a record that is not what the peer's key wrote
    HandshakeMismatch   an honest peer of another network, or none of ours
"""

from __future__ import annotations

from chain.errors import StemmaError


class P2PError(StemmaError):
    """Base of what goes wrong between nodes."""


class LocalProtocolError(P2PError):
    """This side asked a protocol machine for something that its state does not allow."""


class RemoteProtocolError(P2PError):
    """The other side broke the protocol; the session cannot go on."""


class DecryptionFailed(RemoteProtocolError):
    """A record was altered, replayed, cut, or written with another key."""


class HandshakeMismatch(RemoteProtocolError):
    """The two sides do not follow the same chain by the same rules; names what differs."""
