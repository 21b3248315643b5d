"""The rollup's contracts on L1, in Vyper, and the transactions that put them there."""
