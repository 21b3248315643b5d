"""The driver: executes what derivation finds on L1, and is the only one to move the safe head."""
