"""The proposer: claims the L2's output roots on L1, and sees its games through to their bonds."""
