"""The `stemma` command: parses, calls the application, prints. One file per command group.

Exit codes: 0 done, 1 failure, 2 usage or configuration, 3 a verification said no, 4 a server that
was needed could not be reached. Nothing heavy is imported before its command runs.
"""

from __future__ import annotations

import ast
import sys
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

import typer

from chain.errors import StemmaError

from . import (
    chain_file,
    config,
    da,
    db,
    derive,
    dev,
    dispute,
    init,
    keys,
    node,
    p2p,
    spec,
    trace,
    version,
)
from .exit_codes import FAILURE, exit_code_of

COMMAND_GROUP = "stemma.commands"

app = typer.Typer(
    name="stemma",
    help="A pure-Python optimistic rollup on which data, models and answers have a price.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("dev")(dev.dev)
app.command("node")(node.node)
app.command("init")(init.init)
app.command("version")(version.version)
app.command("derive")(derive.derive)
app.command("trace")(trace.trace)
app.command("export")(chain_file.export_chain)
app.command("import")(chain_file.import_chain)
app.add_typer(keys.app, name="keys")
app.add_typer(db.app, name="db")
app.add_typer(da.app, name="da")
app.add_typer(config.app, name="config")
app.add_typer(spec.app, name="spec")
app.add_typer(dispute.app, name="dispute")
app.add_typer(p2p.app, name="p2p")


def _plugins() -> dict[str, EntryPoint]:
    """Commands of other towers, by name; found without importing them."""
    return {entry.name: entry for entry in entry_points(group=COMMAND_GROUP)}


def _run_plugin(entry: EntryPoint, arguments: list[str]) -> None:
    """Run a command that lives outside of `node`; say so when what it needs is not installed."""
    try:
        command = entry.load()
    except ModuleNotFoundError as error:
        typer.echo(
            f"error: `stemma {entry.name}` needs {error.name}, which is not installed "
            "(pip install 'stemma-node[ai]')",
            err=True,
        )
        raise SystemExit(FAILURE) from error
    command(arguments, prog_name=f"stemma {entry.name}")


def _list_plugins() -> None:
    """Put plug-in commands into the help."""
    for name, entry in sorted(_plugins().items()):
        app.command(name, help=_summary(entry))(_plugin_placeholder)


def _summary(entry: EntryPoint) -> str:
    """What the first line of a plug-in's module says after the command; the module stays unread
    by Python, for it may import a great deal.
    """
    spec = find_spec(entry.module)
    if spec is None or spec.origin is None:
        return f"`stemma {entry.name} --help` says more."
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_bytes())) or ""
    summary = text.partition("\n")[0].partition(": ")[2]
    return summary[:1].upper() + summary[1:]


def _plugin_placeholder() -> None:
    """Never called: `main` runs plug-ins before typer sees them."""


def main() -> None:
    """Entry point of `stemma`."""
    arguments = sys.argv[1:]
    plugins = _plugins()
    try:
        if arguments and arguments[0] in plugins:
            _run_plugin(plugins[arguments[0]], arguments[1:])
        else:
            _list_plugins()
            app(arguments, prog_name=app.info.name)
    except StemmaError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(exit_code_of(error))
