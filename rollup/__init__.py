"""From L2 blocks to L1 and back: sequencing, batching, deriving, and the bridge between the chains.

Everything here is a function of its arguments: L1 data is handed in, time is an argument, nothing
reads a socket, a clock or a file.
"""
