"""A block that cannot be: what is asked of it breaks a rule."""

from __future__ import annotations


class NotInOrder(Exception):
    """The inputs ask for a block that cannot be: a transaction is malformed or may not go in.

    Never leaves this package: the step ends the dispute, or begins the block again with deposits.
    """
