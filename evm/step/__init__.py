"""The step machine: a block cut into steps, each computed from a name and its witness alone.

Format: docs/protocol/one-step.md. Never imports py-evm; knows nothing of games or contracts.
"""
