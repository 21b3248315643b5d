"""Floor 0: what a chain is made of. Values only; no network, no clock, no virtual machine."""
