"""Addresses of other nodes: signed records, kept so that one neighbour cannot fill the book.

    record   MessagePack [time_s, host, port, role, node id, signature]
    new      heard of, 64 buckets of 8; a source group reaches 8 of the buckets at most
    tried    answered us, 16 buckets of 8; the bucket follows from the address group

The place of an address follows from a secret of this node, so nobody outside can aim. One outgoing
connection a group, and few incoming ones. Source: Heilman et al., "Eclipse Attacks on Bitcoin's
Peer-to-Peer Network", USENIX Security 2015, countermeasures 1 to 4. Time and chance come from
outside; knows no sockets.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from random import Random
from typing import Final, cast

import msgpack

from chain.crypto import ed25519

from .errors import RemoteProtocolError
from .identity import NODE_ID_BYTES, Endpoint, NodeId
from .message import MAX_PEER_RECORD_BYTES, unpack_array

NEW_BUCKETS: Final = 64
NEW_BUCKETS_PER_SOURCE: Final = 8
TRIED_BUCKETS: Final = 16
BUCKET_SIZE: Final = 8
RECORD_LIFE_S: Final = 24 * 3600
CLOCK_SKEW_S: Final = 600
RETRY_S: Final = 60.0
MAX_FAILURES: Final = 5
_BOOK_VERSION: Final = 1
_ENTRY_TYPES: Final = [bool, int, str, int, bytes, int, int, bytes]
_DOMAIN: Final = b"stemma-p2p-record:"
_MAX_HOST: Final = 64


@dataclass(frozen=True, slots=True)
class PeerRecord:
    """Where a node says that it listens."""

    node_id: NodeId
    host: str
    port: int
    role: int
    time_s: int

    @property
    def endpoint(self) -> Endpoint:
        """Where and whom to dial."""
        return Endpoint(self.host, self.port, self.node_id)


def sign_record(record: PeerRecord, seed: bytes) -> bytes:
    """The record as others pass it on."""
    signature = ed25519.sign(_DOMAIN + _content(record), seed)
    fields = [record.time_s, record.host, record.port, record.role, record.node_id, signature]
    return cast("bytes", msgpack.packb(fields))


def _content(record: PeerRecord) -> bytes:
    return cast(
        "bytes",
        msgpack.packb([record.time_s, record.host, record.port, record.role, record.node_id]),
    )


def read_record(data: bytes, now: float) -> PeerRecord:
    """Check and read a record. Raises RemoteProtocolError: malformed, unsigned, old, of no host."""
    if len(data) > MAX_PEER_RECORD_BYTES:
        raise RemoteProtocolError(f"record: {len(data)} bytes, {MAX_PEER_RECORD_BYTES} at most")
    values = unpack_array("record", data)
    if [type(value) for value in values] != [int, str, int, int, bytes, bytes]:
        raise RemoteProtocolError("record: not [time, host, port, role, node id, signature]")
    time_s, host, port, role, node_id, signature = values
    record = PeerRecord(node_id, host, port, role, time_s)
    if not 0 < port < 65536 or not 0 < role < 256 or len(host) > _MAX_HOST:
        raise RemoteProtocolError(f"record: {host[:_MAX_HOST]}:{port} role {role} is out of range")
    if len(node_id) != NODE_ID_BYTES or not ed25519.verify(
        _DOMAIN + _content(record), signature, node_id
    ):
        raise RemoteProtocolError("record: the signature is not the node's")
    if not now - RECORD_LIFE_S <= time_s <= now + CLOCK_SKEW_S:
        raise RemoteProtocolError(f"record: of time {time_s}, now is {int(now)}")
    address = _parsed(host)
    if address is None or address.is_unspecified or address.is_multicast:
        raise RemoteProtocolError(f"record: {host!r} is no IP address to dial")
    return record


def _parsed(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own: group limits would protect nobody."""
    address = _parsed(host)
    return address is not None and address.is_loopback


def is_unspecified(host: str) -> bool:
    """Whether an address stands for all of a machine's, so that nobody can dial it."""
    address = _parsed(host)
    return address is not None and address.is_unspecified


def address_group(host: str) -> str:
    """Addresses that one party gets cheaply together: IPv4 /16, IPv6 /32.

    Loopback counts address by address, for networks on one machine; names count as they are.
    """
    address = _parsed(host)
    if address is None or address.is_loopback:
        return host
    prefix = 16 if address.version == 4 else 32
    return str(ipaddress.ip_network((address, prefix), strict=False))


@dataclass(frozen=True, slots=True)
class Limits:
    """How many sessions there may be."""

    max_outbound: int = 10
    max_inbound: int = 40
    max_inbound_per_group: int = 4
    max_outbound_per_group: int = 1


class Connections:
    """Who is connected, from where, and whether one more may be."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._open: dict[NodeId, tuple[str, bool]] = {}

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._open

    def __len__(self) -> int:
        return len(self._open)

    def groups(self, *, is_inbound: bool) -> Counter[str]:
        """Sessions by address group."""
        return Counter(group for group, inbound in self._open.values() if inbound is is_inbound)

    def refusal(self, host: str, *, is_inbound: bool) -> str | None:
        """Why no session with this host may be opened; None if it may."""
        groups = self.groups(is_inbound=is_inbound)
        group = address_group(host)
        most, most_group = (
            (self.limits.max_inbound, self.limits.max_inbound_per_group)
            if is_inbound
            else (self.limits.max_outbound, self.limits.max_outbound_per_group)
        )
        if sum(groups.values()) >= most:
            return f"{most} {'inbound' if is_inbound else 'outbound'} sessions are open"
        if groups[group] >= most_group and not is_loopback(host):
            return f"{groups[group]} sessions with address group {group} are open"
        return None

    def opened(self, node_id: NodeId, host: str, *, is_inbound: bool) -> None:
        """A session has opened."""
        self._open[node_id] = (address_group(host), is_inbound)

    def closed(self, node_id: NodeId) -> None:
        """A session has ended."""
        self._open.pop(node_id, None)


@dataclass(slots=True)
class _Entry:
    """`time_s` is the record's where there is one, else when the node answered or was heard of."""

    endpoint: Endpoint
    record: bytes | None
    time_s: int
    failures: int = 0
    last_attempt: float = 0.0


class AddressBook:
    """Where to find other nodes."""

    def __init__(self, secret: bytes, rng: Random) -> None:
        """`secret`: 16 or more random bytes that stay on this node."""
        self._secret = secret
        self._rng = rng
        self._new: dict[int, dict[str, _Entry]] = {}
        self._tried: dict[int, dict[str, _Entry]] = {}

    def __len__(self) -> int:
        return sum(len(bucket) for bucket in (*self._new.values(), *self._tried.values()))

    def encode(self) -> bytes:
        """For a disk: the secret, and each address with its bucket."""
        entries = [
            [
                is_tried, number, entry.endpoint.host, entry.endpoint.port,
                entry.endpoint.node_id or b"", entry.time_s, entry.failures, entry.record or b"",
            ]
            for is_tried, table in ((False, self._new), (True, self._tried))
            for number, bucket in table.items()
            for entry in bucket.values()
        ]  # fmt: skip
        return cast("bytes", msgpack.packb([_BOOK_VERSION, self._secret, entries]))

    @classmethod
    def decode(cls, data: bytes, rng: Random) -> AddressBook:
        """Read what `encode` wrote. Raises RemoteProtocolError for anything else."""
        fields = unpack_array("address book", data)
        if [type(each) for each in fields] != [int, bytes, tuple] or fields[0] != _BOOK_VERSION:
            raise RemoteProtocolError("address book: not [version, secret, entries]")
        book = cls(fields[1], rng)
        for entry in fields[2]:
            book._restore(entry)
        return book

    def _restore(self, fields: object) -> None:
        if not isinstance(fields, tuple) or [type(each) for each in fields] != _ENTRY_TYPES:
            raise RemoteProtocolError("address book: an entry has other fields")
        is_tried, number, host, port, node_id, time_s, failures, record = fields
        table, most = (self._tried, TRIED_BUCKETS) if is_tried else (self._new, NEW_BUCKETS)
        fits = 0 <= number < most and 0 < port < 65536 and len(host) <= _MAX_HOST
        bucket = table.setdefault(number, {}) if fits else {}
        if not fits or len(node_id) not in (0, NODE_ID_BYTES) or len(bucket) >= BUCKET_SIZE:
            raise RemoteProtocolError(f"address book: {host[:_MAX_HOST]}:{port} is out of range")
        endpoint = Endpoint(host, port, node_id or None)
        bucket[f"{host}:{port}"] = _Entry(endpoint, record or None, time_s, failures)

    def _hash(self, *parts: object) -> int:
        text = "\0".join(map(str, parts)).encode()
        return int.from_bytes(hashlib.blake2b(text, key=self._secret, digest_size=8).digest())

    def _new_bucket(self, endpoint: Endpoint, source: str) -> int:
        slot = self._hash("slot", address_group(endpoint.host), source) % NEW_BUCKETS_PER_SOURCE
        return self._hash("new", source, slot) % NEW_BUCKETS

    def _tried_bucket(self, endpoint: Endpoint) -> int:
        return self._hash("tried", address_group(endpoint.host)) % TRIED_BUCKETS

    def add(self, endpoint: Endpoint, source_host: str, time_s: int, record: bytes | None) -> None:
        """Note an address that a node of `source_host` has named."""
        place = f"{endpoint.host}:{endpoint.port}"
        known = self._tried.get(self._tried_bucket(endpoint), {}).get(place)
        if known is not None:
            is_newer = known.record is None or time_s > known.time_s
            is_same = known.endpoint.node_id in (None, endpoint.node_id)
            if record is not None and is_newer and is_same:
                known.endpoint, known.record, known.time_s = endpoint, record, time_s
            return
        bucket = self._new.setdefault(self._new_bucket(endpoint, address_group(source_host)), {})
        before = bucket.get(place)
        if before is not None and before.time_s >= time_s:
            return
        if before is None and len(bucket) >= BUCKET_SIZE:
            worst = max(bucket, key=lambda name: (bucket[name].failures, -bucket[name].time_s))
            if bucket[worst].failures == 0 and self._rng.random() < 0.5:
                return  # what has not failed stays more often than not
            del bucket[worst]
        bucket[place] = _Entry(endpoint, record, time_s)

    def answered(self, endpoint: Endpoint, time_s: int) -> None:
        """A dialled node was who it should be: it moves to the tried ones, with its record."""
        place = f"{endpoint.host}:{endpoint.port}"
        bucket = self._tried.setdefault(self._tried_bucket(endpoint), {})
        entry = _Entry(endpoint, None, time_s)
        for table in (*self._new.values(), bucket):
            found = table.pop(place, None)
            if found is None or found.record is None:
                continue
            if found.endpoint.node_id == endpoint.node_id:
                entry.record, entry.time_s = found.record, found.time_s
        if place not in bucket and len(bucket) >= BUCKET_SIZE:
            del bucket[max(bucket, key=lambda name: (bucket[name].failures, -bucket[name].time_s))]
        bucket[place] = entry

    def failed(self, endpoint: Endpoint, now: float) -> None:
        """A dial did not come to a session."""
        place = f"{endpoint.host}:{endpoint.port}"
        for table in (self._new, self._tried):
            for bucket in table.values():
                entry = bucket.get(place)
                if entry is None:
                    continue
                entry.failures += 1
                entry.last_attempt = now
                if entry.failures >= MAX_FAILURES:
                    del bucket[place]

    def next_dial(
        self, now: float, avoid: Collection[NodeId], full_groups: Iterable[str]
    ) -> Endpoint | None:
        """An address to dial: tried and new by turns of chance, bucket first, then address."""
        full = set(full_groups)
        tables = [self._tried, self._new]
        self._rng.shuffle(tables)
        for table in tables:
            buckets = [bucket for bucket in table.values() if bucket]
            self._rng.shuffle(buckets)
            for bucket in buckets:
                entries = list(bucket.values())
                self._rng.shuffle(entries)
                for entry in entries:
                    wait_s = RETRY_S * 2**entry.failures if entry.failures else 0.0
                    if (
                        entry.endpoint.node_id not in avoid
                        and address_group(entry.endpoint.host) not in full
                        and entry.last_attempt + wait_s <= now
                    ):
                        entry.last_attempt = now
                        return entry.endpoint
        return None

    def share(self, count: int, now: float) -> list[bytes]:
        """Signed records to tell another node, by chance and none too old."""
        records = [
            entry.record
            for table in (self._tried, self._new)
            for bucket in table.values()
            for entry in bucket.values()
            if entry.record is not None and entry.time_s >= now - RECORD_LIFE_S
        ]
        return self._rng.sample(records, min(count, len(records)))
