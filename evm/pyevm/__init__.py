"""The machine: EVM code run on instructions of our own, and the one room that knows py-evm.

Of py-evm there are the exceptions, the opcode objects that tracers watch and the forks before
Berlin run on, and three precompiles. The door is `machine.Machine`.
"""
