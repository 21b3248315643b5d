"""opp2p_: who this node is to others and whom it talks to, by op-node's names.

Served on loopback alone: it names addresses of peers. Source: op-node/p2p/rpc_api.go.
"""

from __future__ import annotations

from ..p2p.server import P2PServer
from .jsonrpc import rpc
from .serialise import Json


class P2PNamespace:
    """opp2p_self, opp2p_peers, opp2p_peerStats."""

    def __init__(self, server: P2PServer) -> None:
        """The server knows the overlay."""
        self._server = server

    @rpc("opp2p_self")
    def own(self) -> Json:
        """Node id, and where it is reached."""
        return {
            "nodeID": self._server.node_id.hex(),
            "addresses": [str(self._server.endpoint)],
            "connectedness": "self",
        }

    @rpc("opp2p_peers")
    def peers(self) -> Json:
        """Open sessions by node id, with head, direction and score."""
        overlay, now = self._server.overlay, self._server.now()
        listed = {
            node_id.hex(): {
                "nodeID": node_id.hex(),
                "userAgent": peer.hello.agent,
                "address": f"{peer.host}:{peer.hello.listen_port}",
                "direction": "inbound" if peer.is_inbound else "outbound",
                "role": peer.hello.role.name,
                "head": peer.head_number,
                "connectedS": round(now - peer.since),
                "score": round(overlay.scores.score(node_id, now), 2),
            }
            for node_id, peer in overlay.peers.items()
        }
        return {"totalConnected": len(listed), "peers": listed}

    @rpc("opp2p_peerStats")
    def peer_stats(self) -> Json:
        """How much is known and held."""
        overlay = self._server.overlay
        return {
            "connected": len(overlay.peers),
            "known": len(overlay.book),
            "mismatches": self._server.mismatches,
            "duplicates": overlay.gossip.duplicates,
            "dropped": overlay.gossip.dropped,
            **overlay.gossip.held,
            **{
                f"mesh_{topic.name.lower()}": len(members)
                for topic, members in overlay.gossip.mesh.items()
            },
        }
