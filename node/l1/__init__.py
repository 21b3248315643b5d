"""The L1 as this node meets it: a JSON-RPC client that fills an in-memory provider, and an
embedded L1.
"""
