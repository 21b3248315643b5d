"""The right tower: adapters are trained, served and attributed here.

Meets the chain only through signed transactions and events; knows nothing of blocks, of the EVM or
of how the chain is agreed on.
"""
