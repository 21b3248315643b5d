"""What instructions see of the world: our flat state and the block, also in py-evm's words.

It replaces py-evm's State, AccountDB and TransientStorage: methods that need no change are bound
to `chain.state.State` directly, so that they cost one call. Transactions, roots and persistence are
outside.
"""

from __future__ import annotations

from collections.abc import Container

from chain.state import State
from chain.types import Address

from ..environment import BlockEnvironment

EMPTY_TRIE_ROOT = bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")

RIPEMD160 = Address(bytes(19) + b"\x03")


class MachineState:
    """The `state` of every py-evm computation; duck-typed, since StateAPI asks for much more."""

    def __init__(
        self, state: State, block: BlockEnvironment, precompiles: Container[Address]
    ) -> None:
        self.inner = state
        self._precompiles = precompiles
        self.block = block
        # py-evm reads the chain id, and nothing else, from here.
        self.execution_context = block
        self.chain_id = block.chain_id
        self.coinbase = block.coinbase
        self.timestamp = block.timestamp
        self.block_number = block.number
        self.mix_hash = block.prev_randao
        self.difficulty = int.from_bytes(block.prev_randao, "big")
        self.gas_limit = block.gas_limit
        self.base_fee = block.base_fee
        self.blob_base_fee = block.blob_base_fee
        self.get_ancestor_hash = block.ancestor_hash
        self.has_touched_ripemd = False
        self._bind(state)

    def _bind(self, state: State) -> None:
        self.get_balance = state.get_balance
        self.get_nonce = state.get_nonce
        self.set_nonce = state.set_nonce
        self.get_code = state.get_code
        self.set_code = state.set_code
        self.get_code_hash = state.get_code_hash
        self.set_storage = state.set_storage
        self.get_original_storage = state.get_original_storage
        self.account_exists = state.account_exists
        self.account_is_empty = state.is_empty
        self.get_transient = state.get_transient
        self.set_transient = state.set_transient
        self.is_storage_warm = state.is_slot_warm
        self.mark_storage_warm = state.warm_slot
        self.storage_of = state.storage_of
        self.access_slot = state.access_slot
        self.write_slot = state.write_slot
        self.mark_address_warm = state.warm_address
        self.snapshot = state.checkpoint
        self.revert = state.revert
        self.commit = state.commit

    def get_storage(self, address: Address, slot: int, from_journal: bool = True) -> int:
        """Value of a slot now, or at the start of the transaction where `from_journal` is false."""
        if from_journal:
            return self.inner.get_storage(address, slot)
        return self.inner.get_original_storage(address, slot)

    def touch_account(self, address: Address) -> None:
        """An empty account that anything touches is gone (EIP-161).

        At once and not only at the end of the transaction: no opcode can tell the difference.
        """
        inner = self.inner
        if inner.is_empty(address) and inner.account_exists(address):
            inner.delete_account(address)
            self.has_touched_ripemd |= address == RIPEMD160

    def finish(self) -> None:
        """Let an empty RIPEMD-160 account go even where the frame that touched it was undone.

        Block 2,675,119 of the mainnet did so by a bug, and every client does since.
        """
        if self.has_touched_ripemd:
            self.touch_account(RIPEMD160)
            self.has_touched_ripemd = False

    def set_balance(self, address: Address, balance: int) -> None:
        """Set a balance in wei. Setting 0 where there is no account creates none (EIP-161)."""
        if balance != self.inner.get_balance(address):
            self.inner.set_balance(address, balance)
        else:
            self.touch_account(address)

    def delta_balance(self, address: Address, delta: int) -> None:
        """Add `delta` wei, which may be negative, to a balance; modulo 2**256, as geth counts."""
        if delta:
            self.inner.add_balance(address, delta)

    def increment_nonce(self, address: Address) -> None:
        """Add one to a nonce."""
        self.inner.set_nonce(address, self.inner.get_nonce(address) + 1)

    def delete_storage(self, address: Address) -> None:
        """Called before a CREATE2; nothing to do, since EIP-7610 lets none begin with storage."""

    def has_code_or_nonce(self, address: Address) -> bool:
        """True where a creation at this address collides: nonce, code or storage (EIP-7610)."""
        inner = self.inner
        return bool(
            inner.get_nonce(address)
            or inner.get_code(address)
            or inner.storage_root(address) != EMPTY_TRIE_ROOT
        )

    def access(self, address: Address) -> bool:
        """Note that an account is accessed; was it the first time in this transaction?

        EIP-2929, with every precompile warm from the start.
        """
        if address in self._precompiles or self.inner.is_address_warm(address):
            return False
        self.inner.warm_address(address)
        return True

    def is_address_warm(self, address: Address) -> bool:
        """EIP-2929, with every precompile warm from the start."""
        return address in self._precompiles or self.inner.is_address_warm(address)

    def get_transient_storage(self, address: Address, slot: int) -> bytes:
        """TLOAD in py-evm's form: minimal big-endian bytes."""
        value = self.inner.get_transient(address, slot)
        return value.to_bytes((value.bit_length() + 7) // 8, "big")

    def set_transient_storage(self, address: Address, slot: int, value: bytes) -> None:
        """TSTORE in py-evm's form."""
        self.inner.set_transient(address, slot, int.from_bytes(value, "big"))

    def __getattr__(self, name: str) -> object:
        """Name what is missing, since py-evm's own code reaches for attributes of its State."""
        raise AttributeError(f"py-evm asked the machine's state for {name!r}, which it lacks")


class EarlyMachineState(MachineState):
    """The same before EIP-161: what is touched comes to exist and stays, be it empty."""

    def touch_account(self, address: Address) -> None:
        """Bring an account into existence."""
        self.inner.touch(address)

    def set_balance(self, address: Address, balance: int) -> None:
        """Set a balance in wei; setting 0 creates an empty account too."""
        self.inner.set_balance(address, balance)


def machine_state(
    state: State, block: BlockEnvironment, precompiles: Container[Address]
) -> MachineState:
    """The view that the block's rules ask for."""
    clears = block.rules.machine.clears_empty_accounts
    return (MachineState if clears else EarlyMachineState)(state, block, precompiles)
