"""The trie itself: reading, lazy batched writing, hashing on demand, proving.

Writes change nodes in memory and mark the path to them; nothing is hashed before a root is asked
for, and then each changed node is hashed once, however many writes went through it. A trie belongs
to one thread; any number of tries may read one `NodeReader`. Knows nothing of where nodes are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from chain.crypto.keccak import keccak256
from chain.types import Hash32

from .errors import MissingNode, TrieNodeError
from .node import (
    EMPTY_REFERENCE,
    HASH_REFERENCE_BYTES,
    Branch,
    Extension,
    Leaf,
    Node,
    Reference,
    decode_node,
    encode_node,
    hash_reference,
    hex_digits,
    nibbles,
    seal,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Fetch: TypeAlias = Callable[[list[bytes]], Sequence[bytes | None]]
"""Gives the RLP of the nodes with these hashes, in their order; None for what is not there."""

_Ways: TypeAlias = tuple[Node, list[bytes], int]
"""A node, the paths that lead through it, and how many of their nibbles lead up to it."""

EMPTY_ROOT: Final = keccak256(EMPTY_REFERENCE)
"""The root of the trie that holds nothing."""


class NodeReader(Protocol):
    """Where nodes come from; a plain dict from hash to bytes will do."""

    def get(self, node_hash: bytes, /) -> bytes | None:
        """Return the RLP of the node with this Keccak-256 hash, or None."""


class Trie:
    """A Merkle-Patricia trie over a reader of nodes.

    `owner` is the address whose storage this is; it serves error messages only. Keys may have
    any length up to 64 bytes: writing and hashing recurse once or more for each nibble.
    """

    __slots__ = ("_nodes", "_owner", "_retired", "_root")

    def __init__(self, nodes: NodeReader, root: bytes = EMPTY_ROOT, *, owner: bytes = b"") -> None:
        self._nodes = nodes
        self._owner = owner
        self._retired: list[bytes] = []
        self._root: Reference = EMPTY_REFERENCE if root == EMPTY_ROOT else hash_reference(root)

    # -- reading

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or None.

        Raises MissingNode if a node on the way is absent, TrieNodeError if one is malformed.
        """
        path = nibbles(key)
        position = 0
        node = self._root_node()
        while node is not None:
            if type(node) is Branch:
                if position == len(path):
                    return node.value or None
                node = self._child(node, path, position)
                position += 1
            elif type(node) is Leaf:
                return node.value if path[position:] == node.path else None
            else:
                if not path.startswith(node.path, position):
                    return None
                position += len(node.path)
                node = self._extended(node, path, position)
        return None

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield all keys and values in the order of keys. The trie must not change meanwhile."""
        root = self._root_node()
        if root is not None:
            yield from self._walk(root, b"")

    def _walk(self, node: Node, path: bytes) -> Iterator[tuple[bytes, bytes]]:
        if type(node) is Leaf:
            yield bytes.fromhex(hex_digits(path + node.path)), node.value
            return
        if type(node) is Extension:
            below = path + node.path
            yield from self._walk(self._resolve(node.child, below), below)
            return
        if node.value:
            yield bytes.fromhex(hex_digits(path)), node.value
        for nibble, child in enumerate(node.children):
            if child != EMPTY_REFERENCE:
                below = path + bytes((nibble,))
                yield from self._walk(self._resolve(child, below), below)

    # -- from references to nodes

    def _resolve(self, reference: Reference, path: bytes) -> Node:
        """Turn a reference that is not empty into its node; path only names it in an error."""
        if not isinstance(reference, bytes):
            return reference
        if len(reference) != HASH_REFERENCE_BYTES:
            return decode_node(reference, reference)
        node_hash = reference[1:]
        data = self._nodes.get(node_hash)
        if data is None:
            raise MissingNode(node_hash, hex_digits(path), self._owner)
        try:
            return decode_node(data, reference)
        except TrieNodeError as error:
            raise TrieNodeError(
                f"trie node 0x{node_hash.hex()} at path {hex_digits(path) or '(root)'}: {error}"
            ) from None

    def _root_node(self) -> Node | None:
        root = self._root
        if isinstance(root, bytes):
            if root == EMPTY_REFERENCE:
                return None
            root = self._root = self._resolve(root, b"")
        return root

    def _child(self, branch: Branch, path: bytes, position: int) -> Node | None:
        """The branch's child on this path; kept resolved, since it will be asked for again."""
        nibble = path[position]
        child = branch.children[nibble]
        if isinstance(child, bytes):
            if child == EMPTY_REFERENCE:
                return None
            child = branch.children[nibble] = self._resolve(child, path[: position + 1])
        return child

    def _extended(self, extension: Extension, path: bytes, position: int) -> Node:
        child = extension.child
        if isinstance(child, bytes):
            child = extension.child = self._resolve(child, path[:position])
        return child

    # -- reading ahead

    def read_ahead(self, keys: Iterable[bytes], fetch: Fetch) -> None:
        """Read the nodes on the ways to many keys, all those of one depth at a time.

        The trie holds them afterwards as if it had been asked for the keys. What is missing or
        malformed is left for whoever asks for it in earnest.
        """
        root = self._root_node()
        here: list[_Ways] = [] if root is None else [(root, [*map(nibbles, keys)], 0)]
        while here:
            wanted: list[tuple[bytes, Node, int, list[bytes], int]] = []
            while here:
                node, paths, position = here.pop()
                for child, step, further, below in _onward(node, paths, position):
                    if not isinstance(child, bytes):
                        here.append((child, further, below))
                    elif len(child) == HASH_REFERENCE_BYTES:  # nothing inlined has hashes below
                        wanted.append((child, node, step, further, below))
            wanted.sort(key=itemgetter(0))  # in the order of the store's keys
            found = fetch([reference[1:] for reference, *_ in wanted])
            for (reference, node, step, further, below), data in zip(wanted, found, strict=True):
                read = None if data is None else _decoded(data, reference)
                if read is not None:
                    _attach(node, step, read)
                    here.append((read, further, below))

    # -- writing. A method that changes a node in place does so after everything that may raise, so
    #    that a missing node leaves the trie as it was.

    def set(self, key: bytes, value: bytes) -> None:
        """Set the value of a key; an empty value deletes it. Raises as get does."""
        if not value:
            self.delete(key)
            return
        path = nibbles(key)
        root = self._root_node()
        self._root = Leaf(path, value) if root is None else self._set(root, path, 0, value)

    def delete(self, key: bytes) -> None:
        """Remove a key; nothing happens if it is not there. Raises as get does."""
        root = self._root_node()
        if root is not None:
            left = self._delete(root, nibbles(key), 0)
            self._root = EMPTY_REFERENCE if left is None else left

    def _set(self, node: Node, path: bytes, position: int, value: bytes) -> Node:
        if type(node) is Branch:
            return self._set_in_branch(node, path, position, value)
        if type(node) is Leaf:
            if path[position:] != node.path:
                return self._split_leaf(node, path, position, value)
            if node.value != value:
                node.value = value
                self._retire(node)
            return node
        if not path.startswith(node.path, position):
            return self._split_extension(node, path, position, value)
        below = position + len(node.path)
        child = self._set(self._extended(node, path, below), path, below, value)
        node.child = child
        if child.reference is None:
            self._retire(node)
        return node

    def _set_in_branch(self, node: Branch, path: bytes, position: int, value: bytes) -> Node:
        if position == len(path):
            if node.value != value:
                node.value = value
                self._retire(node)
            return node
        child = self._child(node, path, position)
        below = position + 1
        new = Leaf(path[below:], value) if child is None else self._set(child, path, below, value)
        node.children[path[position]] = new
        # A child that still has its reference was not changed: the value was there already.
        if new.reference is None:
            self._retire(node)
        return node

    def _split_leaf(self, node: Leaf, path: bytes, position: int, value: bytes) -> Node:
        self._retire(node)
        old, new = node.path, path[position:]
        shared = _shared_length(old, new)
        branch = Branch([EMPTY_REFERENCE] * 16, b"")
        for rest, content in ((old, node.value), (new, value)):
            if len(rest) == shared:
                branch.value = content
            else:
                branch.children[rest[shared]] = Leaf(rest[shared + 1 :], content)
        return Extension(new[:shared], branch) if shared else branch

    def _split_extension(self, node: Extension, path: bytes, position: int, value: bytes) -> Node:
        self._retire(node)
        old, new = node.path, path[position:]
        shared = _shared_length(old, new)
        branch = Branch([EMPTY_REFERENCE] * 16, b"")
        rest = old[shared + 1 :]
        branch.children[old[shared]] = Extension(rest, node.child) if rest else node.child
        if len(new) == shared:
            branch.value = value
        else:
            branch.children[new[shared]] = Leaf(new[shared + 1 :], value)
        return Extension(new[:shared], branch) if shared else branch

    def _delete(self, node: Node, path: bytes, position: int) -> Node | None:
        """Remove the rest of path; None if nothing is left, the same node if nothing changed."""
        if type(node) is Branch:
            return self._delete_in_branch(node, path, position)
        if type(node) is Leaf:
            if path[position:] != node.path:
                return node
            self._retire(node)
            return None
        if not path.startswith(node.path, position):
            return node
        below = position + len(node.path)
        child = self._extended(node, path, below)
        left = self._delete(child, path, below)
        if left is not child:
            self._retire(node)
            return None if left is None else _prepend(node.path, left)
        if left.reference is None:
            self._retire(node)
        return node

    def _delete_in_branch(self, node: Branch, path: bytes, position: int) -> Node | None:
        if position == len(path):
            if not node.value:
                return node
            return self._shrink(node, path[:position], without=None)
        child = self._child(node, path, position)
        if child is None:
            return node
        left = self._delete(child, path, position + 1)
        if left is None:
            return self._shrink(node, path[:position], without=path[position])
        node.children[path[position]] = left
        if left.reference is None:
            self._retire(node)
        return node

    def _shrink(self, node: Branch, path: bytes, *, without: int | None) -> Node:
        """Take one child, or the value if without is None, out of a branch; merge a lone child."""
        alive = [
            nibble
            for nibble, child in enumerate(node.children)
            if child != EMPTY_REFERENCE and nibble != without
        ]
        value = node.value if without is not None else b""
        if len(alive) + bool(value) > 1:
            if without is None:
                node.value = b""
            else:
                node.children[without] = EMPTY_REFERENCE
            self._retire(node)
            return node
        if value:
            self._retire(node)
            return Leaf(b"", value)
        step = bytes((alive[0],))
        lone = self._resolve(node.children[alive[0]], path + step)
        self._retire(node)
        if type(lone) is not Branch:
            self._retire(lone)  # it goes into a node with a longer path; a branch stays
        return _prepend(step, lone)

    def _retire(self, node: Node) -> None:
        """Forget the hash of a node that changed or went; note it if it has been handed out."""
        reference = node.reference
        if reference is None:
            return
        if node.encoding is None and len(reference) == HASH_REFERENCE_BYTES:
            self._retired.append(reference[1:])
        node.reference = node.encoding = None

    # -- hashing

    def root_hash(self) -> Hash32:
        """Return the root; hashes the changed nodes and only those."""
        root = self._root
        reference = root if isinstance(root, bytes) else seal(root)
        if len(reference) == HASH_REFERENCE_BYTES:
            return Hash32(reference[1:])
        return keccak256(reference)  # a root is hashed even where another node would be inlined

    def commit(self) -> tuple[Hash32, dict[Hash32, bytes]]:
        """Return the root and every node, by hash, made since the last commit and still in use.

        Nodes that came and went in between (roots asked for after each transaction, say) are not
        among them. The caller must store these nodes: the trie will not hand them out again.
        """
        root_hash = self.root_hash()
        nodes: dict[Hash32, bytes] = {}
        root = self._root
        if isinstance(root, bytes):
            return root_hash, nodes
        if root.reference is not None and len(root.reference) < HASH_REFERENCE_BYTES:
            nodes[root_hash] = root.reference
            root.reference = hash_reference(root_hash)  # as if it had been read back
            return root_hash, nodes
        # A changed node has only changed nodes above it, so the walk stops at the first that is
        # stored already, and at inlined nodes, below which nothing has a hash.
        waiting: list[Node] = [root]
        while waiting:
            node = waiting.pop()
            if node.encoding is None or node.reference is None:
                continue
            nodes[Hash32(node.reference[1:])] = node.encoding
            node.encoding = None
            if type(node) is Branch:
                waiting.extend(child for child in node.children if not isinstance(child, bytes))
            elif type(node) is Extension and not isinstance(node.child, bytes):
                waiting.append(node.child)
        return root_hash, nodes

    def take_retired(self) -> list[bytes]:
        """Return the hashes of nodes handed out or read that this trie has no more, once each time.

        One for each place that lost its node since the last call: a hash may come twice, and may be
        among the nodes of the next `commit` again.
        """
        retired, self._retired = self._retired, []
        return retired

    # -- proving

    def prove(self, key: bytes) -> list[bytes]:
        """Return the nodes from the root towards a key, for `verify_proof`.

        If the key is absent they show so. Inlined nodes are inside their parents (as in geth and
        EIP-1186); the empty trie needs no nodes. Raises as get does.
        """
        self.root_hash()
        path = nibbles(key)
        position = 0
        proof: list[bytes] = []
        node = self._root_node()
        while node is not None:
            if not proof or len(seal(node)) == HASH_REFERENCE_BYTES:
                proof.append(encode_node(node))
            if type(node) is Branch:
                if position == len(path):
                    break
                node = self._child(node, path, position)
                position += 1
            elif type(node) is Extension and path.startswith(node.path, position):
                position += len(node.path)
                node = self._extended(node, path, position)
            else:
                break
        return proof


def _onward(
    node: Node, paths: list[bytes], position: int
) -> Iterator[tuple[Reference, int, list[bytes], int]]:
    """The children that paths lead to: each with its nibble, its paths, and how far they are."""
    if type(node) is Branch:
        by_nibble: dict[int, list[bytes]] = {}
        for path in paths:
            if position < len(path):
                by_nibble.setdefault(path[position], []).append(path)
        for nibble, further in by_nibble.items():
            yield node.children[nibble], nibble, further, position + 1
    elif type(node) is Extension:
        further = [path for path in paths if path.startswith(node.path, position)]
        if further:
            yield node.child, 0, further, position + len(node.path)


def _decoded(data: bytes, reference: bytes) -> Node | None:
    try:
        return decode_node(data, reference)
    except TrieNodeError:
        return None


def _attach(node: Node, step: int, child: Node) -> None:
    """Put a child that was read in the place of its reference."""
    if type(node) is Branch:
        node.children[step] = child
    elif type(node) is Extension:
        node.child = child


def _shared_length(left: bytes, right: bytes) -> int:
    length = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        length += 1
    return length


def _prepend(path: bytes, node: Node) -> Node:
    """Hang a node below a stretch of path, merging paths where two would follow each other."""
    if type(node) is Leaf:
        return Leaf(path + node.path, node.value)
    if type(node) is Extension:
        return Extension(path + node.path, node.child)
    return Extension(path, node)
