"""Joining a chain by a state from peers: a root that L1 knows, the state behind it, then blocks."""
