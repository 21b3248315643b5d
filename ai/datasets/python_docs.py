"""The documentation that every CPython carries, as plain records and as question/answer rows.

Reads `.py` files of the standard library with `ast` (nothing is imported or run), so the result
depends only on the files of the interpreter. Knows nothing of tokens, models or contributors.
"""

from __future__ import annotations

import ast
import inspect
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# What the base model must not see, so that an adapter trained on these modules has something to
# learn that the base does not know. Packages are held out with all their submodules.
HELD_OUT_MODULES: tuple[str, ...] = (
    "bisect",
    "calendar",
    "csv",
    "difflib",
    "fractions",
    "heapq",
    "json",
    "pathlib",
    "random",
    "shutil",
    "statistics",
    "string",
    "textwrap",
)

# Not documentation of the library: its tests, vendored tools and applications.
_SKIPPED_PACKAGES = frozenset(
    {"test", "tests", "idlelib", "lib2to3", "site-packages", "turtledemo", "ensurepip", "idle_test"}
)
_MAX_ANSWER_CHARS = 600


@dataclass(frozen=True, slots=True)
class DocumentedObject:
    """One documented object: `name` is dotted, `signature` is empty for a module."""

    module: str
    name: str
    kind: str  # "module" | "class" | "function" | "method"
    signature: str
    doc: str

    @property
    def summary(self) -> str:
        """The first paragraph of the docstring, on one line."""
        return " ".join(self.doc.split("\n\n", 1)[0].split())

    @property
    def is_public(self) -> bool:
        """Whether no part of the dotted name starts with an underscore."""
        return not any(part.startswith("_") for part in self.name.split("."))


def stdlib_files(root: Path | None = None) -> list[tuple[str, Path]]:
    """(dotted module name, path) of every `.py` of the standard library, sorted by name."""
    base = Path(sysconfig.get_path("stdlib")) if root is None else root
    found: list[tuple[str, Path]] = []
    for path in base.rglob("*.py"):
        parts = path.relative_to(base).with_suffix("").parts
        if any(part in _SKIPPED_PACKAGES or not part.isidentifier() for part in parts):
            continue
        if parts[-1] == "__init__":
            parts = parts[:-1]
        if parts:
            found.append((".".join(parts), path))
    return sorted(found)


def is_held_out(module: str, held_out: Sequence[str] = HELD_OUT_MODULES) -> bool:
    """Whether `module` is a held-out module or lies inside a held-out package."""
    return module.split(".", 1)[0] in held_out


def documented_objects(module: str, source: bytes) -> list[DocumentedObject]:
    """Every documented object of one source file, in source order; [] if it does not parse."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    found: list[DocumentedObject] = []
    doc = ast.get_docstring(tree)
    if doc:
        found.append(DocumentedObject(module, module, "module", "", doc))
    found.extend(_walk(module, tree.body, prefix=module, kind="function"))
    return found


def module_objects(modules: Sequence[str], root: Path | None = None) -> list[DocumentedObject]:
    """The documented public objects of the named modules (and their submodules), sorted files."""
    chosen = set(modules)
    found: list[DocumentedObject] = []
    for name, path in stdlib_files(root):
        if is_held_out(name, tuple(chosen)):
            found.extend(o for o in documented_objects(name, path.read_bytes()) if o.is_public)
    return found


def _walk(
    module: str, body: Sequence[ast.stmt], *, prefix: str, kind: str
) -> Iterator[DocumentedObject]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            name = f"{prefix}.{node.name}"
            doc = ast.get_docstring(node)
            if doc:
                yield DocumentedObject(module, name, "class", _class_signature(node), doc)
            yield from _walk(module, node.body, prefix=name, kind="method")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            doc = ast.get_docstring(node)
            if doc:
                signature = f"{node.name}({ast.unparse(node.args)})"
                yield DocumentedObject(module, f"{prefix}.{node.name}", kind, signature, doc)


def _class_signature(node: ast.ClassDef) -> str:
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    return f"class {node.name}({bases})" if bases else f"class {node.name}"


def question_rows(item: DocumentedObject) -> list[dict[str, str]]:
    """Question/answer rows about one object, as `{"prompt", "completion"}`; the product's style.

    The answer is always text of the docstring (or the signature), never a paraphrase: what an
    answer quotes can be found again in the rows it came from.
    """
    summary = item.summary
    if len(summary) < 12:
        return []
    asked = "What is" if item.kind in {"module", "class"} else "What does"
    tail = f" {item.name}?" if asked == "What is" else f" {item.name} do?"
    rows = [{"prompt": asked + tail, "completion": summary[:_MAX_ANSWER_CHARS]}]
    if item.signature:
        rows.append({"prompt": f"Show the signature of {item.name}.", "completion": item.signature})
    full = inspect.cleandoc(item.doc)[:_MAX_ANSWER_CHARS].strip()
    if len(full) > len(summary) + 40:
        rows.append({"prompt": f"Explain {item.name} in detail.", "completion": full})
    if item.kind in {"class", "function"} and len(summary) < 160:
        rows.append(
            {"prompt": f"Which {item.kind} fits: {summary}", "completion": f"It is {item.name}."}
        )
    return rows
