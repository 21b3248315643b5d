"""Signed records, and a book and a door that one neighbour cannot fill."""

from __future__ import annotations

from random import Random

import msgpack
import pytest
from p2p import identity

from node.network import read_book, write_book
from node.p2p import address_book
from node.p2p.address_book import (
    AddressBook,
    Connections,
    Limits,
    PeerRecord,
    address_group,
    read_record,
    sign_record,
)
from node.p2p.errors import RemoteProtocolError
from node.p2p.identity import Endpoint, parse_endpoint

NOW = 1_000_000


def record(name: str = "a", **changes) -> bytes:
    who = identity(name)
    fields = {"host": "10.1.2.3", "port": 9546, "role": 1, "time_s": NOW, **changes}
    return sign_record(PeerRecord(node_id=who.node_id, **fields), who.seed)


def test_a_record_is_read_back() -> None:
    assert read_record(record(), NOW).endpoint == Endpoint("10.1.2.3", 9546, identity("a").node_id)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (record(time_s=NOW - address_book.RECORD_LIFE_S - 1), "of time"),
        (record(time_s=NOW + 10_000), "of time"),
        (record(host="example.org"), "no IP address"),
        (record(host="0.0.0.0"), "no IP address"),
        (record(port=0), "out of range"),
        (record()[:-1] + b"\0", "signature"),
        (b"\x90", "not \\["),
        (b"", "MessagePack"),
        (bytes(300), "at most"),
    ],
)
def test_a_bad_record_is_refused(data, reason) -> None:
    with pytest.raises(RemoteProtocolError, match=reason):
        read_record(data, NOW)


def test_groups() -> None:
    assert address_group("10.1.2.3") == address_group("10.1.200.9") == "10.1.0.0/16"
    assert address_group("2001:db8::1") == address_group("2001:db8:ffff::1")
    assert address_group("127.0.0.1") != address_group("127.0.0.2")


def test_one_source_fills_an_eighth_of_the_book_at_most() -> None:
    book = AddressBook(b"s" * 16, Random(0))
    for number in range(50_000):
        host = f"{number % 200 + 20}.{number // 200 % 250}.1.{number % 250}"
        book.add(Endpoint(host, 1 + number % 60_000), "6.6.6.6", NOW + number, None)
    assert len(book) <= address_book.NEW_BUCKETS_PER_SOURCE * address_book.BUCKET_SIZE
    assert len(book) < (address_book.NEW_BUCKETS * address_book.BUCKET_SIZE) / 4


def test_a_flood_of_one_group_does_not_push_out_tried_nodes_of_others() -> None:
    book = AddressBook(b"s" * 16, Random(0))
    honest = [Endpoint(f"{n + 20}.{n}.0.1", 9546, identity(n).node_id) for n in range(12)]
    for endpoint in honest:
        book.answered(endpoint, NOW)
    for number in range(5_000):
        book.answered(Endpoint(f"6.6.{number % 250}.{number // 250}", 9546), NOW + 10)
    dialled = {book.next_dial(NOW + 10.0 + n, (), ()) for n in range(400)}
    assert len(dialled & set(honest)) >= 10


def test_a_dial_avoids_who_is_connected_and_groups_that_are_full() -> None:
    book = AddressBook(b"s" * 16, Random(0))
    a, b = (Endpoint(f"10.{n}.0.1", 9546, identity(n).node_id) for n in (1, 2))
    book.add(a, "9.9.9.9", NOW, None)
    book.add(b, "9.9.9.9", NOW, None)
    assert book.next_dial(NOW, {a.node_id}, ()) == b
    assert book.next_dial(NOW, (), {"10.2.0.0/16"}) == a
    assert book.next_dial(NOW, {a.node_id, b.node_id}, ()) is None


def test_an_address_that_fails_is_tried_later_and_then_forgotten() -> None:
    book = AddressBook(b"s" * 16, Random(0))
    endpoint = Endpoint("10.1.0.1", 9546)
    book.add(endpoint, "9.9.9.9", NOW, None)
    book.failed(endpoint, NOW)
    assert book.next_dial(NOW + 1, (), ()) is None
    assert book.next_dial(NOW + 1000, (), ()) == endpoint
    for _ in range(address_book.MAX_FAILURES):
        book.failed(endpoint, NOW)
    assert len(book) == 0


def test_sessions_are_limited_each_way_and_by_group() -> None:
    door = Connections(Limits(max_outbound=2, max_inbound=3, max_inbound_per_group=2))
    for number in range(2):
        assert door.refusal("10.1.0.9", is_inbound=True) is None
        door.opened(identity(number).node_id, "10.1.0.9", is_inbound=True)
    assert "address group 10.1.0.0/16" in door.refusal("10.1.77.1", is_inbound=True)
    assert door.refusal("10.1.77.1", is_inbound=False) is None
    door.opened(identity(7).node_id, "10.2.0.1", is_inbound=True)
    assert "3 inbound" in door.refusal("10.3.0.1", is_inbound=True)
    door.closed(identity(7).node_id)
    assert door.refusal("10.3.0.1", is_inbound=True) is None


def test_only_signed_records_are_shared() -> None:
    book = AddressBook(b"s" * 16, Random(0))
    signed = record()
    book.add(read_record(signed, NOW).endpoint, "9.9.9.9", NOW, signed)
    book.add(Endpoint("10.9.0.1", 1), "9.9.9.9", NOW, None)
    assert book.share(10, NOW) == [signed]


def test_an_endpoint_is_read_as_it_is_written() -> None:
    for text in ("127.0.0.1:9546", f"{'ab' * 32}@[::1]:9546"):
        assert str(parse_endpoint(text)) == text


def test_a_record_that_comes_after_the_answer_is_kept_though_it_is_older() -> None:
    book = AddressBook(b"s" * 16, Random(0))
    signed = record(time_s=NOW - 50)
    endpoint = read_record(signed, NOW).endpoint
    book.answered(endpoint, NOW)
    book.add(endpoint, "10.1.2.3", NOW - 50, signed)
    assert book.share(10, NOW) == [signed]
    book.answered(endpoint, NOW + 100)
    assert book.share(10, NOW + 100) == [signed]


def test_a_record_that_has_run_out_is_not_shared_though_its_node_still_answers() -> None:
    book = AddressBook(b"s" * 16, Random(0))
    signed = record()
    endpoint = read_record(signed, NOW).endpoint
    book.add(endpoint, "9.9.9.9", NOW, signed)
    later = NOW + address_book.RECORD_LIFE_S + 1
    book.answered(endpoint, later)
    assert book.share(10, later) == []


def test_a_record_of_another_node_at_the_same_place_is_not_taken_over() -> None:
    book = AddressBook(b"s" * 16, Random(0))
    book.answered(Endpoint("10.1.2.3", 9546, identity("a").node_id), NOW)
    book.add(Endpoint("10.1.2.3", 9546, identity("b").node_id), "9.9.9.9", NOW, record("b"))
    assert book.share(10, NOW) == []


def filled() -> AddressBook:
    book = AddressBook(b"s" * 16, Random(0))
    for number in range(40):
        host = f"10.{number}.0.1"
        book.add(Endpoint(host, 9546, identity(number).node_id), f"9.{number}.9.9", NOW, None)
        if number % 3 == 0:
            book.answered(Endpoint(host, 9546, identity(number).node_id), NOW)
    book.add(Endpoint("10.1.2.3", 9546, identity("a").node_id), "9.9.9.9", NOW, record("a"))
    book.failed(Endpoint("10.1.0.1", 9546, None), NOW)
    return book


def test_a_book_comes_back_as_it_was_kept() -> None:
    book = filled()
    again = AddressBook.decode(book.encode(), Random(0))
    assert len(again) == len(book)
    assert again.encode() == book.encode()
    assert again.share(5, NOW) == book.share(5, NOW) == [record("a")]
    # By the same secret an address has the same place: it is not there twice.
    again.add(Endpoint("10.0.0.1", 9546, identity(0).node_id), "9.0.9.9", NOW, None)
    assert len(again) == len(book)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93\x02\xc4\x00\x90",
        msgpack.packb([1, b"s" * 16, [[True, 16, "10.0.0.1", 1, b"", 0, 0, b""]]]),
        msgpack.packb([1, b"s" * 16, [[False, 0, "10.0.0.1", 0, b"", 0, 0, b""]]]),
        msgpack.packb([1, b"s" * 16, [[False, 0, "x" * 65, 1, b"", 0, 0, b""]]]),
        msgpack.packb([1, b"s" * 16, [[False, 0, "10.0.0.1", 1, b"x", 0, 0, b""]]]),
        msgpack.packb([1, b"s" * 16, [[False, 0, f"10.0.0.{n}", 1, b"", 0, 0, b""]
                                      for n in range(9)]]),
        msgpack.packb([1, b"s" * 16, [1]]),
    ],
)  # fmt: skip
def test_a_damaged_book_is_refused(data) -> None:
    with pytest.raises(RemoteProtocolError):
        AddressBook.decode(data, Random(0))


def test_the_file_is_replaced_as_a_whole_and_a_damaged_one_is_begun_anew(tmp_path) -> None:
    path = tmp_path / "peers"
    assert read_book(path, Random(0)) is None
    write_book(path, filled().encode())
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(read_book(path, Random(0))) == len(filled())
    path.write_bytes(b"junk")
    assert read_book(path, Random(0)) is None
