"""What this chain starts from: addresses, interfaces, chain specifications, genesis state.

It depends on `chain` only and runs nothing.
"""
