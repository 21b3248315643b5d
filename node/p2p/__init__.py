"""Nodes that talk to nodes: encrypted sessions, gossip, address book and sync.

bytes ⇄ session (noise, framing, message)  ⇄  overlay (gossip, scoring, address book, sync)
         no I/O                                no I/O
sockets and clocks: server.py alone. What a block or transaction is worth: node/actors/gossiping.
"""
