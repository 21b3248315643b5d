"""`python -m node.cli`: the `stemma` command where it is not installed as a script."""

from __future__ import annotations

from . import main

main()
