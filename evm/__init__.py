"""The state transition function: turns transactions and a parent into a block.

It reads no clock, no socket and no random source; everything arrives as an argument.
"""
