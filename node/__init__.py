"""Floor 4: everything that touches the outside: processes, sockets, disks, clocks.

The floors below are functions of their arguments; this one supplies the arguments. It joins the
parts in `application.py`, turns time into blocks in `actors/`, and answers clients in `rpc/`. It
knows nothing of py-evm and nothing of models: those stand behind `evm` and on the other tower.
"""
