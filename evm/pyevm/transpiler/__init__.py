"""Hot EVM code as Python source: exact gas, exact failures, several times the interpreter's speed.

`arithmetic` says what an opcode is in Python, `path` follows one straight piece of code with the
stack held in Python locals, `region` joins the pieces that constant jumps connect into one
function, `hot` decides what is worth that and bounds it. What a region does not cover, or where gas
or stack do not suffice for a whole piece, it hands back to the interpreter at an exact place.
"""
