"""Attached workers: they watch the chain for jobs, do them off chain, and attest what they did."""
