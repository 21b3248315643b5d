"""The one room that knows py-evm: our loop and our state under its opcodes.

The door is `machine.run_message`.
"""
