# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Refusals
@notice What becomes of a block that is out of order, and the last state of a dispute.
@dev The twin of `phase_of_block` and `finish` in evm/step/block_work.py.
"""

import rollup.settlement.contracts.step.modules.Blocks as Blocks
import rollup.settlement.contracts.step.modules.Context as Context
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape


@internal
@pure
def finish(phase: uint256, outputRoot: bytes32) -> State.Machine:
    """
    @notice The last state: the output root alone is left.
    """
    machine: State.Machine = empty(State.Machine)
    machine.phase = phase
    machine.pending = outputRoot
    return machine


@internal
@view
def refuse(given: State.Machine, start: uint256) -> (State.Machine, uint256):
    """
    @notice No such block can be; with its deposits alone it can, from Holocene on. `given` is the
            state before the step. Opens the context again, the block, its rest, its rules.
    """
    cursor: uint256 = start
    if given.context != empty(bytes32):
        blockName: bytes32 = Tape.pair(cursor, given.context)[0]
        cursor += Tape.PAIR
        surrounding: Context.Block = Context.openBlock(cursor, blockName)
        cursor += Context.BLOCK_ITEM
        rest: Blocks.BlockRest = Blocks.openBlockRest(cursor, surrounding.rest)
        cursor += Blocks.BLOCK_REST_ITEM
        if rest.depositsOnly == 0:
            rules: Blocks.ChainRules = Blocks.openChainRules(cursor, rest.rules)
            cursor += Blocks.CHAIN_RULES_ITEM
            if rules.has & Blocks.FEE_PARAMETERS != 0:
                machine: State.Machine = given
                machine.phase = State.BLOCK_BEGIN
                machine.pending = empty(bytes32)
                return machine, cursor
    return self.finish(State.INVALID, empty(bytes32)), cursor
