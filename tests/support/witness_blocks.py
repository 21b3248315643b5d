"""Random blocks that read and write much of the state, for witnesses and proofs."""

from __future__ import annotations

from execution import STRANGER, USERS, deploying, deposit, send
from hypothesis import strategies as st

from chain.transaction import Transaction
from chain.types import Address
from genesis import addresses
from genesis.allocation import GenesisAccount
from genesis.config import ChainConfig

# SSTORE(calldata word 0, calldata word 1); slots 1 to 40 are set from the start
STORE_CODE = bytes.fromhex("60203560003555")
# SSTORE(0, BLOCKHASH(NUMBER - calldata word 0))
HASH_CODE = bytes.fromhex("5f354303405f5500")
# SELFDESTRUCT to 0x78...
DESTROY_CODE = bytes.fromhex("73" + "78" * 20 + "ff")
# CREATE with one wei, of a contract that destroys itself at once: init code 33 ff (CALLER, ...)
CREATE_CODE = bytes.fromhex("6133ff5f526002601e6001f000")
# SSTORE(0, EXTCODESIZE(calldata word 0) + BALANCE(calldata word 0))
LOOK_CODE = bytes.fromhex("5f353b5f3531015f5500")
CODES = (STORE_CODE, HASH_CODE, DESTROY_CODE, CREATE_CODE, LOOK_CODE)
STORE, HASH, DESTROY, CREATE, LOOK = (
    Address(bytes((0x50 + index,)) * 20) for index in range(len(CODES))
)
ALLOCATION = {
    address: GenesisAccount(
        nonce=1,
        balance=1000,
        code=code,
        storage={slot: slot for slot in range(1, 41)} if address == STORE else {},
    )
    for address, code in zip((STORE, HASH, DESTROY, CREATE, LOOK), CODES, strict=True)
}
_words = st.integers(0, 45).map(lambda word: word.to_bytes(32, "big"))
_accounts = st.sampled_from((STRANGER, *USERS, *ALLOCATION, addresses.WORKER_REGISTRY))
_values = st.sampled_from((0, 1, 999, 10**18))


def _call(to: Address, data: st.SearchStrategy[bytes]) -> st.SearchStrategy[tuple]:
    return st.tuples(st.just("send"), st.integers(0, 3), st.just(to), st.just(0), data)


plans = st.lists(
    st.one_of(
        _call(STORE, st.tuples(_words, _words).map(b"".join)),
        _call(STORE, _words.map(lambda slot: slot + bytes(32))),
        _call(HASH, st.integers(0, 9).map(lambda back: back.to_bytes(32, "big"))),
        _call(LOOK, _accounts.map(lambda account: bytes(12) + account)),
        st.tuples(st.just("send"), st.integers(0, 3), _accounts, _values, st.binary(max_size=40)),
        st.tuples(st.just("deploy"), st.integers(0, 3), st.none(), _values, st.sampled_from(CODES)),
        st.tuples(st.just("deposit"), st.integers(0, 3), _accounts | st.none(), _values, _values),
    ),
    max_size=8,
)
"""What users and L1 do in one block; `transactions` fills in the nonces."""


def transactions(plan: list[tuple], config: ChainConfig, nonces: dict[int, int]) -> list:
    """The transactions of a plan; `nonces` by user is brought up to date."""
    made: list[Transaction] = []
    for number, (kind, user, to, value, extra) in enumerate(plan):
        nonce = nonces.get(user, 0)
        if kind == "deposit":
            if not config.is_optimism:
                continue
            made.append(deposit(USERS[user], to, mint=extra, value=value, salt=number))
        else:
            data = deploying(extra) if kind == "deploy" else extra
            made.append(
                send(
                    user,
                    nonce,
                    to,
                    value=value,
                    data=data,
                    gas=200_000,
                    chain_id=config.chain_id,
                )
            )
        nonces[user] = nonce + 1
    return made
