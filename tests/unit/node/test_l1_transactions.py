"""What gas the sender of L1 transactions gives a call, over an L1 that estimates."""

from __future__ import annotations

import pytest

from chain.types import Address
from node.l1.transactions import L1Request, L1Sender

CAP = 16_777_216
"""EIP-7825."""


class EstimatingL1:
    """Estimates the same for everything, and takes what it is sent."""

    def __init__(self, estimate):
        self.estimate = estimate

    async def call(self, method, *_):
        answers = {
            "eth_getTransactionCount": "0x0",
            "eth_estimateGas": hex(self.estimate),
            "eth_sendRawTransaction": "0x" + "01" * 32,
        }
        return answers[method]

    async def batch(self, _calls):
        return [{"baseFeePerGas": "0x7"}, "0x1"]


async def gas_limit(estimate, given=None):
    sender = L1Sender(EstimatingL1(estimate), b"\x01" * 32, 1)
    request = L1Request(Address(b"\x02" * 20), b"\x03", gas_limit=given)
    return (await sender.send(request)).gas_limit


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (21_000, 25_200),
        (13_981_013, 16_777_215),
        (13_981_014, CAP),
        (15_398_646, CAP),
        (CAP, CAP),
        # An L1 before Osaka takes more, so what it says is asked for as it is.
        (CAP + 1, CAP + 1),
    ],
)
async def test_an_estimate_has_a_margin_within_what_a_transaction_may_have(estimate, expected):
    assert await gas_limit(estimate) == expected


async def test_gas_that_is_given_is_taken():
    assert await gas_limit(10**6, given=77_000) == 77_000
