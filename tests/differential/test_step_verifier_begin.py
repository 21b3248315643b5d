"""Steps that take up and read a transaction, on L1 beside the step machine, up to its payment."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from execution import STRANGER, USERS, deposit, send
from step_verifier import Judge, StepVerifier
from stepped_chain import Stepper, every_kind_of, set_code
from transaction_steps import Reading, reading_steps

from chain import rlp
from chain.crypto.keccak import keccak256
from evm.fastlz import fastlz_size
from evm.step.block_records import Compression
from evm.step.fastlz_steps import EMPTY_TABLE
from evm.step.names import Raw, name_of
from evm.step.state import Phase
from evm.step.structures.words import (
    ZEROS,
    data_depth,
    data_tree,
    read_window,
    write_window,
)
from rollup.settlement.step_verifier import fork_rules

MOST_GAS = 1 << 24
TAKE_UP, LISTS, AUTHORIZATIONS, SIGNATURE, SCAN, COMPRESS = (
    f"transaction begin, {name}"
    for name in ("take up", "access list", "authorizations", "signature", "scan", "compress")
)
CONTRACTS = {
    TAKE_UP: "TakeUpStep", LISTS: "ListsStep", AUTHORIZATIONS: "ListsStep",
    SIGNATURE: "ListsStep", SCAN: "ScanStep", COMPRESS: "CompressStep",
}  # fmt: skip
CHAIN = 901
FASTLZ = Path(__file__).parents[2] / "rollup/settlement/contracts/step/modules/FastLz.vy"


@pytest.fixture(scope="module")
def reading() -> Reading:
    return Reading("jovian")


@pytest.fixture(scope="module")
def verifier(reading) -> StepVerifier:
    return StepVerifier(fork_rules(reading.rules))


def agreed(verifier: StepVerifier, steps) -> Judge:
    judge = Judge(verifier)
    for step in steps:
        judge.step(step)
    assert judge.found.wrong == []
    assert not judge.found.unsupported
    assert max(judge.found.gas(), default=0) < MOST_GAS
    return judge


def share(steps, rnd: random.Random, dear: int) -> list:
    """All steps that are cheap to judge, and so many of those that hash or compress."""
    steps = list(steps)
    hashing = [step for step in steps if step.kind in (SCAN, COMPRESS)]
    chosen = set(map(id, rnd.sample(hashing, min(dear, len(hashing)))))
    return [step for step in steps if step.kind not in (SCAN, COMPRESS) or id(step) in chosen]


# -- whole blocks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fork", ["ecotone", "karst"])
def test_the_transactions_of_a_block_are_read_as_on_the_step_machine(verifier, fork):
    stepper = Stepper(fork)
    block = stepper.prepared(*every_kind_of(fork, CHAIN))
    steps = list(reading_steps(block))
    found = Counter(step.kind for step in steps)
    kinds = set(CONTRACTS) if fork == "karst" else set(CONTRACTS) - {AUTHORIZATIONS, COMPRESS}
    assert set(found) == kinds
    agreed(verifier, share(steps, random.Random(fork), 2))


def test_no_wrong_witness_is_accepted(verifier, reading):
    rnd, judge = random.Random(1959), Judge(verifier)
    for tx in (send(0, 0, data=bytes(1500)), set_code(CHAIN)[0], deposit(USERS[0], salt=9)):
        for step in reading.of(tx.encode(), done=3, count=9):
            judge.mutants(step, rnd, 1 if step.kind in (SCAN, COMPRESS) else 5)
    assert judge.found.wrong == []


def test_a_kind_takes_its_own_stages_alone(verifier, reading):
    """Each contract, asked for a step that is another's, refuses it."""
    steps = reading.of(set_code(CHAIN)[0].encode())
    firsts = {step.kind: step for step in steps}
    names = {name: address for address, name in verifier._names.items()}
    for kind, step in firsts.items():
        for contract in {*CONTRACTS.values()} - {CONTRACTS[kind]}:
            data = verifier.data(step.state, step.proof)
            assert not verifier.bench.send(names[contract], data).succeeded, (kind, contract)


# -- transactions of every form -------------------------------------------------------------------

ORDER = {
    0: "nonce cap gas to value data v r s",
    1: "chain nonce cap gas to value data list v r s",
    2: "chain nonce tip cap gas to value data list v r s",
    3: "chain nonce tip cap gas to value data list fee blobs v r s",
    4: "chain nonce tip cap gas to value data list consents v r s",
    0x7E: "source sender to mint value gas system data",
}
VALUES = {
    "chain": b"\x03\x85", "nonce": b"", "tip": b"\x09", "cap": b"\x3b", "gas": b"\x52\x08",
    "to": bytes(STRANGER), "value": b"\x07", "data": b"abc", "list": [], "v": b"\x01",
    "r": b"\x11" * 32, "s": b"\x12" * 32, "source": bytes(32), "sender": bytes(USERS[0]),
    "mint": b"\x05", "system": b"", "fee": b"\x01", "blobs": [b"\x01" * 32],
}  # fmt: skip
CONSENT = [b"\x01", bytes(STRANGER), b"", b"\x01", b"\x11" * 32, b"\x12" * 32]
ENTRY = [bytes(STRANGER), [b"\x07" * 32]]


def tx(kind: int, *behind, **changes) -> bytes:
    """A transaction by its fields, any of which may be something else, and more behind them."""
    values = VALUES | {"consents": [CONSENT]} | ({} if kind else {"v": b"\x1b"}) | changes
    items = [values[name] for name in ORDER[kind].split()] + list(behind)
    return (bytes((kind,)) if kind else b"") + rlp.encode(items)


def spliced(raw: bytes, old: str, new: str) -> bytes:
    """Other bytes in the place of some, of which there is one."""
    first, second = bytes.fromhex(old), bytes.fromhex(new)
    assert raw.count(first) == 1
    assert len(first) == len(second)
    return raw.replace(first, second)


def is_refused(step, *, for_good: bool) -> bool:
    """Whether the step ends the dispute, or lets the block begin again with its deposits."""
    if for_good:
        return step.after == b"\x01" + keccak256(bytes((Phase.INVALID,)) + bytes(128))[1:]
    again = bytes((Phase.BLOCK_BEGIN,)) + bytes(32) + step.state[33:]
    return step.after == b"\x03" + keccak256(again)[1:]


OUT_AT_ONCE = {
    "no bytes": b"",
    "type 0": b"\x00" + tx(0),
    "type 5": b"\x05" + tx(2)[1:],
    "type 0x7d": b"\x7d" + tx(2)[1:],
    "type 0x7f": b"\x7f" + tx(2)[1:],
    "type 0xbf": b"\xbf" + tx(2)[1:],
    "blobs, which an L2 has not": tx(3),
    "a type alone": b"\x02",
    "a string, not a list": b"\x02\x83abc",
    "bytes behind the list": tx(2) + b"\x00",
    "a list cut off": tx(2)[:-1],
    "an empty list": b"\xc0",
    "an empty typed list": b"\x02\xc0",
    "a list's size with a zero before it": b"\xf9\x00\x80" + bytes(128),
    "a long form for a short list": b"\x02\xf8\x37" + bytes(55),
    "a list of 2^64 bytes": b"\x02\xff" + b"\xff" * 8 + bytes(40),
    "a number that begins with zero": tx(2, nonce=b"\x00\x01"),
    "zero as a byte": tx(2, nonce=b"\x00"),
    "a nonce of nine bytes": tx(2, nonce=b"\x01" * 9),
    "a gas limit of nine bytes": tx(1, gas=b"\x01" * 9),
    "a price of 33 bytes": tx(0, cap=b"\x01" * 33),
    "a value of 33 bytes": tx(4, value=b"\x01" * 33),
    "a chain that is a list": tx(2, chain=[b"\x01"]),
    "a recipient of 19 bytes": tx(2, to=bytes(19)),
    "a recipient of 21 bytes": tx(2, to=bytes(21)),
    "a recipient of one byte": tx(0, to=b"\x01"),
    "no recipient for consents": tx(4, to=b""),
    "data that is a list": tx(2, data=[b""]),
    "data past the end": spliced(tx(2, data=bytes(60)), "b83c", "b8ff"),
    "data of 2^64 bytes": spliced(tx(2, data=b"B" * 60), "b83c" + "42" * 7, "bf" + "ff" * 8),
    "one low byte with a header": spliced(tx(2, nonce=b"\x99"), "8199", "8119"),
    "a source of 31 bytes": tx(0x7E, source=bytes(31)),
    "a sender of 21 bytes": tx(0x7E, sender=bytes(21)),
    "a sender that is empty": tx(0x7E, sender=b""),
    "a deposit of a system, maybe": tx(0x7E, system=b"\x02"),
    "a deposit of no system as a byte": tx(0x7E, system=b"\x00"),
    "a deposit of a system in two bytes": tx(0x7E, system=b"\x01\x01"),
    "a deposit of a system from 0x80 on": tx(0x7E, system=b"\x80"),
    "a deposit with bytes behind its data": tx(0x7E, b""),
    "a deposit cut off before its data": b"\x7e" + rlp.encode([bytes(32), bytes(USERS[0])]),
    "a mint of 33 bytes": tx(0x7E, mint=b"\x01" * 33),
}


@pytest.mark.parametrize("what", OUT_AT_ONCE)
def test_a_transaction_out_of_order_is_refused_when_it_is_taken_up(verifier, reading, what):
    """The block begins again with its deposits; where it has them alone, the dispute ends."""
    for deposits_only in (0, 1):
        steps = reading.of(OUT_AT_ONCE[what], deposits_only=deposits_only)
        assert [step.kind for step in steps] == [TAKE_UP]
        assert is_refused(steps[0], for_good=bool(deposits_only))
        agreed(verifier, steps)


def cut(kind: int, before: str, *behind) -> bytes:
    """A transaction that ends before one of its fields."""
    names = ORDER[kind].split()
    values = VALUES | {"consents": [CONSENT]} | ({} if kind else {"v": b"\x1b"})
    items = [values[name] for name in names[: names.index(before)]] + list(behind)
    return (bytes((kind,)) if kind else b"") + rlp.encode(items)


FULL = [[bytes((n,)) * 20, [bytes((n,)) * 32] * (n % 3)] for n in range(1, 40)]
OUT_LATER = {
    "no access list": (LISTS, cut(1, "list")),
    "an access list that is a string": (LISTS, tx(2, list=b"abc")),
    "an access list past the end": (LISTS, cut(2, "list", b"")[:-1] + b"\xc9"),
    "an access list of 2^64 bytes": (
        LISTS, spliced(tx(2, list=[b"B" * 20]), "d594" + "42" * 7, "ff" * 9),
    ),
    "an entry that is a string": (LISTS, tx(2, list=[bytes(60)])),
    "an entry of 19 bytes": (LISTS, tx(1, list=[[bytes(19), []]])),
    "an entry with slots that are a string": (LISTS, tx(1, list=[[bytes(20), bytes(33)]])),
    "an entry with no slots": (LISTS, tx(1, list=[[bytes(20)]])),
    "an entry with three items": (LISTS, tx(1, list=[[bytes(20), [], []]])),
    "a slot of 31 bytes": (LISTS, tx(2, list=[[bytes(20), [bytes(31)]]])),
    "a slot that is a list": (LISTS, tx(2, list=[[bytes(20), [[bytes(31)]]]])),
    "a slot of 31 bytes, later": (LISTS, tx(2, list=[*FULL, [bytes(20), [bytes(31)]]])),
    "an entry longer than its list": (
        LISTS, spliced(tx(2, list=[ENTRY, [bytes(20), []]]), "d694" + "00" * 20 + "c0",
                       "d794" + "00" * 20 + "c1"),
    ),
    "a slot longer than its entry": (
        LISTS, spliced(tx(2, list=[[bytes(20), [b"\x07" * 32]]]), "f794" + "00" * 20 + "e1",
                       "f694" + "00" * 20 + "e0"),
    ),
    "no authorizations": (AUTHORIZATIONS, tx(4, consents=[])),
    "authorizations that are a string": (AUTHORIZATIONS, tx(4, consents=b"abc")),
    "authorizations that are not there": (AUTHORIZATIONS, cut(4, "consents")),
    "authorizations past the end": (AUTHORIZATIONS, cut(4, "consents", b"")[:-1] + b"\xc9"),
    "an authorization of five items": (AUTHORIZATIONS, tx(4, consents=[CONSENT[:5]])),
    "an authorization of seven items": (AUTHORIZATIONS, tx(4, consents=[[*CONSENT, b""]])),
    "an authorization that is a string": (AUTHORIZATIONS, tx(4, consents=[b"abc"])),
    "an authorization later on": (AUTHORIZATIONS, tx(4, consents=[CONSENT] * 15 + [[]])),
    **{
        f"an authorization's item {at} as {len(item)} bytes": (
            AUTHORIZATIONS, tx(4, consents=[[*CONSENT[:at], item, *CONSENT[at + 1 :]]]),
        )
        for at, item in enumerate(
            (b"\x01" * 33, bytes(19), b"\x01" * 9, b"\x01\x01", b"\x00\x01", b"\x01" * 33)
        )
    },
    "no signature": (SIGNATURE, cut(0, "v")),
    "a signature without s": (SIGNATURE, cut(2, "s")),
    "bytes behind the signature": (SIGNATURE, tx(1, b"")),
    "a parity of 2": (SIGNATURE, tx(2, v=b"\x02")),
    "a parity of two bytes": (SIGNATURE, tx(4, v=b"\x01\x01")),
    "r of 33 bytes": (SIGNATURE, tx(2, r=b"\x01" * 33)),
    "s that begins with zero": (SIGNATURE, tx(2, s=b"\x00\x01")),
    **{f"v of {v}": (SIGNATURE, tx(0, v=bytes((v,)) if v else b"")) for v in (0, 26, 29, 34)},
    "v of 33 bytes": (SIGNATURE, tx(0, v=b"\x01" * 33)),
}  # fmt: skip


@pytest.mark.parametrize("what", OUT_LATER)
def test_a_transaction_out_of_order_is_refused_where_it_is_found(verifier, reading, what):
    kind, raw = OUT_LATER[what]
    steps = reading.of(raw)
    assert steps[-1].kind == kind
    assert is_refused(steps[-1], for_good=False)
    agreed(verifier, steps)


def test_before_holocene_a_block_out_of_order_ends_the_dispute(verifier):
    ecotone = Reading("ecotone")
    for raw in (b"", tx(2, list=b"abc"), tx(0, v=b"")):
        steps = ecotone.of(raw)
        assert is_refused(steps[-1], for_good=True)
        agreed(verifier, steps)


def odd_field(rnd: random.Random):
    """Something that may stand in a field, or may not."""
    size = rnd.choice((0, 1, 1, 8, 9, 19, 20, 21, 31, 32, 33, 55, 56, 300))
    first = rnd.choice((0, 1, 0x7F, 0x80, 0xFF))
    data = (bytes((first,)) + rnd.randbytes(size))[:size]
    return rnd.choice((data, data, data, [data], [[data, []]], [[bytes(20), [bytes(32)] * size]]))


def test_transactions_with_odd_fields(verifier, reading):
    """In and out of order, as it comes; and with bytes that are others."""
    rnd, ends = random.Random(77), Counter()
    for _ in range(32):
        kind = rnd.choice((0, 1, 2, 4, 4, 0x7E))
        names = ORDER[kind].split()
        changes = {rnd.choice(names): odd_field(rnd) for _ in range(rnd.choice((0, 1, 1, 2)))}
        changes.setdefault("list", FULL[: rnd.choice((0, 1, 25))])
        changes.setdefault("consents", [CONSENT] * rnd.choice((1, 2, 9)))
        if rnd.random() < 0.4:
            at = rnd.randrange(6)
            changes["consents"] = [[*CONSENT[:at], odd_field(rnd), *CONSENT[at + 1 :]]]
        raw = bytearray(tx(kind, **changes))
        for _ in range(rnd.choice((0, 0, 1, 2))):
            raw[rnd.randrange(5, len(raw))] ^= 1 << rnd.randrange(8)
        steps = share(reading.of(bytes(raw)), rnd, 0)
        ends[steps[-1].kind if is_refused(steps[-1], for_good=False) else "in order"] += 1
        agreed(verifier, steps)
    assert set(ends) == {TAKE_UP, LISTS, AUTHORIZATIONS, SIGNATURE, "in order"}


@pytest.mark.parametrize(
    "raw",
    [tx(0, v=b"\x1c"), tx(0, v=b"\x23"), tx(0, v=b"\x24"), tx(0, v=b"\xff" * 32),
     tx(0, r=b"", s=b""), tx(1, r=b"\x01", v=b""), tx(2, data=b"", to=b""),
     tx(4, list=FULL, consents=[CONSENT] * 20), tx(2, list=[[bytes(20), [bytes(32)] * 70]]),
     tx(2, list=[[bytes(20), []]] * 90)],
    ids=range(10),
)  # fmt: skip
def test_lists_and_signatures_in_order(verifier, reading, raw):
    steps = share(reading.of(raw), random.Random(1), 0)
    assert not is_refused(steps[-1], for_good=False)
    agreed(verifier, steps)


def test_behind_the_last_transaction_the_block_goes_on(verifier, reading):
    for fork in ("ecotone", "karst"):
        other = Reading(fork)
        [step] = other.steps(other.first(done=3))
        assert step.kind == TAKE_UP
        agreed(verifier, [step])


# -- scanned --------------------------------------------------------------------------------------

SMALL = rlp.encode([b""] * 6 + [b"\x1b", b"\x01", b"\x01"])


def scans(reading: Reading, raw: bytes, **where) -> list:
    return [step for step in reading.of(raw, **where) if step.kind == SCAN]


@pytest.mark.parametrize("size", [0, 20, 21, 22, 23, 24])
def test_a_leaf_of_fewer_than_32_bytes(verifier, reading, size):
    """Such a transaction is nobody's, but it is scanned before that is known."""
    raw = rlp.encode([b""] * 5 + [b"\x01" * size, b"\x1b", b"\x01", b"\x01"])
    assert len(SMALL) == 10
    agreed(verifier, scans(reading, raw, done=1, count=2))


@pytest.mark.parametrize(
    ("done", "count"), [(0, 1), (0, 65_536), (127, 129), (128, 129), (65_535, 65_536)]
)
def test_a_leaf_at_every_depth(verifier, reading, done, count):
    agreed(verifier, scans(reading, SMALL, done=done, count=count))


@pytest.mark.parametrize(
    ("kind", "size"), [(0, 1024), (0, 1025), (2, 1023), (2, 1060), (0x7E, 1024)]
)
def test_transactions_as_long_as_a_window(verifier, reading, kind, size):
    """The signature lies in the first window, in the second or in both."""
    data = bytes(size - len(tx(kind, data=bytes(900))) + 900)
    raw = tx(kind, data=data)
    assert len(raw) == size
    steps = scans(reading, raw)
    assert len(steps) == (2 if size > 1024 else 1)
    agreed(verifier, steps)


def test_a_deposit_of_two_windows(verifier, reading):
    agreed(verifier, scans(reading, tx(0x7E, data=random.Random(4).randbytes(1100))))


# -- compressed -----------------------------------------------------------------------------------


def compressing(reading: Reading, raw: bytes) -> tuple[list, int]:
    """The steps that compress any bytes, and the length that they find."""
    state = reading.compressing(data_tree(raw), len(raw))
    steps = list(reading.steps(state))
    return steps, reading.last.pending.charged_size


def texts(rnd: random.Random, size: int) -> list[bytes]:
    """Bytes that are compressed well, badly and now and then."""
    words = [rnd.randbytes(rnd.randrange(2, 40)) for _ in range(30)]
    mixed = b"".join(rnd.choice(words) for _ in range(size // 10))[:size]
    return [rnd.randbytes(size), bytes(size), mixed, (b"abc" + bytes(17)) * (size // 20)]


@pytest.mark.parametrize("size", [164, 1040, 1100])
def test_short_texts_are_compressed_alike(verifier, reading, size):
    for raw in texts(random.Random(size), size):
        steps, found = compressing(reading, raw)
        assert found == fastlz_size(raw)
        agreed(verifier, steps[-1:])


def test_the_history_reaches_8_191_bytes_back(verifier, reading):
    """A phrase that comes again just within reach and just beyond it."""
    rnd = random.Random(8)
    phrase = rnd.randbytes(40)
    sizes = []
    for distance in (8191, 8192):
        raw = rnd.randbytes(100) + phrase + rnd.randbytes(distance - 40) + phrase + bytes(40)
        steps, found = compressing(reading, raw)
        assert found == fastlz_size(raw)
        agreed(verifier, steps[-1:])
        sizes.append(found)
    assert sizes[0] < sizes[1]


def test_a_match_that_is_longer_than_a_step(verifier, reading):
    raw = random.Random(5).randbytes(300) + bytes(3000) + b"end of it" * 3
    steps, found = compressing(reading, raw)
    assert found == fastlz_size(raw)
    agreed(verifier, steps[1:3])


def test_a_transaction_of_16_mib(verifier, reading):
    """Its places take more than 24 bits."""
    length = 2**24 + 2048
    depth, tree = data_depth(length), ZEROS[data_depth(length)]
    for index in range(2**14 - 1, 2**14 + 2):
        window = random.Random(index).randbytes(512) * 2
        tree = write_window(window, read_window(reading.live, tree, depth, index)[1], depth, index)
    work = Compression(2**24 - 600, 2**24 - 900, 0, 0, 0, Raw(EMPTY_TABLE))
    steps = list(reading.steps(reading.compressing(tree, length, work)))
    assert len(steps) == 3
    agreed(verifier, steps[:1])


def test_the_empty_table_is_a_table_of_zeros():
    assert name_of(Raw(EMPTY_TABLE)).hex() in FASTLZ.read_text()
