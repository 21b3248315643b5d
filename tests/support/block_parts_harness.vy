# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
# What a block's begin and end compute, behind a door of its own, for tests.

import rollup.settlement.contracts.step.modules.Blocks as Blocks
import rollup.settlement.contracts.step.modules.Encoding as Encoding
import rollup.settlement.contracts.step.modules.HeaderRules as HeaderRules
import rollup.settlement.contracts.step.modules.Headers as Headers
import rollup.settlement.contracts.step.modules.ListTrie as ListTrie


@internal
@pure
def _rules(has: uint256, denominator: uint256, elasticity: uint256) -> Blocks.ChainRules:
    rules: Blocks.ChainRules = empty(Blocks.ChainRules)
    rules.has = has
    rules.denominator = denominator
    rules.elasticity = elasticity
    return rules


@external
@pure
def decode(data: Bytes[Headers.MAX_HEADER]) -> (bytes32, uint256[8]):
    header: Headers.Header = Headers.decode(data)
    return header.parentHash, [
        header.number,
        header.gasLimit,
        header.gasUsed,
        header.timestamp,
        header.extraData,
        header.extraDataSize,
        header.baseFee,
        header.blobGasUsed,
    ]


@external
@pure
def nextBaseFee(
    has: uint256, denominator: uint256, elasticity: uint256, parent: Bytes[Headers.MAX_HEADER]
) -> (uint256, bool):
    return HeaderRules.nextBaseFee(
        self._rules(has, denominator, elasticity), Headers.decode(parent)
    )


@external
@pure
def extraData(
    has: uint256, denominator: uint256, elasticity: uint256, own: uint256[3]
) -> Bytes[17]:
    attributes: Blocks.Attributes = empty(Blocks.Attributes)
    attributes.denominator = own[0]
    attributes.elasticity = own[1]
    attributes.minBaseFee = own[2]
    return HeaderRules.extraData(self._rules(has, denominator, elasticity), attributes)


@external
@pure
def addLeaf(
    builder: Bytes[ListTrie.MAX_BUILDER], place: uint256, count: uint256, reference: Bytes[33]
) -> Bytes[ListTrie.MAX_BUILDER]:
    return ListTrie.add(builder, place, count, reference)


@external
@pure
def account(
    nonce: uint256, balance: uint256, storageRoot: bytes32, codeHash: bytes32
) -> Bytes[Encoding.MAX_ACCOUNT]:
    return Encoding.account(nonce, balance, storageRoot, codeHash)
