"""Rows: where they are read from, how they are named by content, and how a snapshot is rebuilt."""
