"""Certificates: a quorum's word, checked by us and by the contract on L1 with one answer."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from contract_bench import SENDER, ContractBench, call_data
from da_committee import L1_CHAIN_ID, VERIFIER, certify, make_committee, signatures_of

from chain import abi
from chain.crypto.secp256k1 import CURVE_ORDER
from chain.errors import DecodeError
from genesis.config import ConfigError
from genesis.da_committee import DaCommittee, DaOperator
from genesis.fields import Fields
from rollup.da.certificate import (
    Certificate,
    CertificateStatus,
    certificate_status,
    check_certificate,
    make_certificate,
)
from rollup.da.errors import InvalidCertificate
from rollup.settlement.deploy import artifact, created_address
from rollup.wire.alt_da import decode_commitment

COMMITMENT = b"\xc0" + bytes(range(47))
STAKES = (30, 25, 20, 15, 10)
SUCCESS, MALFORMED, WRONG_SIGNATURE, NO_QUORUM = CertificateStatus


class OnL1:
    """The contract, deployed with a committee that knows its address."""

    def __init__(self, stakes=STAKES, **thresholds):
        self.bench = ContractBench()
        at = created_address(SENDER, self.bench.state.get_nonce(SENDER))
        self.committee = make_committee(stakes, verifier=at, **thresholds)
        arguments = abi.encode(
            ["address[]", "uint96[]", "uint256"],
            [
                [operator.signer for operator in self.committee.operators],
                list(stakes),
                self.committee.confirmation_percent,
            ],
        )
        code = bytes.fromhex(artifact("DACertVerifier")["bytecode"][2:])
        assert self.bench.deploy(code + arguments) == at
        self.at = at

    def call(self, data):
        return self.bench.send(self.at, call_data("checkDACert(bytes)", data))

    def status(self, data):
        outcome = self.call(data)
        assert outcome.succeeded
        return CertificateStatus(int.from_bytes(outcome.output, "big"))

    def agreed(self, data):
        """What both sides say."""
        ours, _ = certificate_status(self.committee, L1_CHAIN_ID, data)
        assert self.status(data) is ours
        return ours


@pytest.fixture(scope="module")
def l1():
    return OnL1()


def test_a_quorum_is_believed_by_both(l1):
    data = certify(l1.committee, COMMITMENT, 7, [0, 1]).encode()
    assert len(data) == 59 + 2 * 65
    assert l1.agreed(data) is SUCCESS
    assert check_certificate(l1.committee, L1_CHAIN_ID, data).commitment == COMMITMENT


def test_less_than_the_confirmation_threshold_is_no_quorum(l1):
    with pytest.raises(InvalidCertificate, match="signed by 50 of 100 stake, 55 % are needed"):
        certify(l1.committee, COMMITMENT, 7, [0, 2])
    signatures = tuple(signatures_of(l1.committee, COMMITMENT, 7, [0, 2]).items())
    assert l1.agreed(Certificate(COMMITMENT, 7, signatures).encode()) is NO_QUORUM


def test_every_set_of_signers_gets_the_answer_that_its_stake_deserves(l1):
    for signers in range(32):
        chosen = [index for index in range(5) if signers >> index & 1]
        signatures = tuple(signatures_of(l1.committee, COMMITMENT, 7, chosen).items())
        expected = SUCCESS if sum(STAKES[i] for i in chosen) >= 55 else NO_QUORUM
        assert l1.agreed(Certificate(COMMITMENT, 7, signatures).encode()) is expected


@pytest.mark.parametrize(
    "other",
    [
        {"commitment": b"\xc1" + COMMITMENT[1:]},
        {"reference_block": 8},
        {"l1_chain_id": 902},
    ],
)
def test_a_signature_for_anything_else_counts_for_nothing(l1, other):
    given = {"commitment": COMMITMENT, "reference_block": 7, **other}
    signatures = tuple(signatures_of(l1.committee, signers=[0, 1], **given).items())
    assert l1.agreed(Certificate(COMMITMENT, 7, signatures).encode()) is WRONG_SIGNATURE


def test_a_signature_for_another_contract_counts_for_nothing(l1):
    elsewhere = replace(l1.committee, verifier=VERIFIER)
    data = certify(elsewhere, COMMITMENT, 7, [0, 1]).encode()
    assert l1.agreed(data) is WRONG_SIGNATURE


def test_one_operator_cannot_sign_for_another_nor_twice(l1):
    signatures = signatures_of(l1.committee, COMMITMENT, 7, [0])
    data = Certificate(COMMITMENT, 7, ((0, signatures[0]), (1, signatures[0]))).encode()
    assert l1.agreed(data) is WRONG_SIGNATURE


def test_a_signature_in_the_upper_half_of_the_curve_is_none(l1):
    signatures = signatures_of(l1.committee, COMMITMENT, 7, [0, 1])
    r, s, v = signatures[1][:32], int.from_bytes(signatures[1][32:64], "big"), signatures[1][64]
    flipped = r + (CURVE_ORDER - s).to_bytes(32, "big") + bytes((55 - v,))
    data = Certificate(COMMITMENT, 7, ((0, signatures[0]), (1, flipped))).encode()
    assert l1.agreed(data) is WRONG_SIGNATURE


def test_an_operator_that_is_not_there(l1):
    signatures = signatures_of(l1.committee, COMMITMENT, 7, [0, 1])
    data = Certificate(COMMITMENT, 7, (*signatures.items(), (9, signatures[0]))).encode()
    assert l1.agreed(data) is MALFORMED


def test_truncated_lengthened_and_bit_flipped_certificates_get_one_answer(l1):
    good = certify(l1.committee, COMMITMENT, 7, [0, 1, 2]).encode()
    source = random.Random(6)
    cases = [good[:size] for size in (0, 1, 58, 59, 60, len(good) - 1)] + [good + b"\0"]
    for _ in range(150):
        damaged = bytearray(good)
        damaged[source.randrange(len(good))] ^= 1 << source.randrange(8)
        cases.append(bytes(damaged))
    for data in cases:
        assert l1.agreed(data) is not SUCCESS
        with pytest.raises((DecodeError, InvalidCertificate)):
            check_certificate(l1.committee, L1_CHAIN_ID, data)


def test_more_bytes_than_any_certificate_has_revert(l1):
    assert not l1.call(bytes(1_100)).succeeded


def test_what_a_certificate_of_sixteen_costs_on_l1():
    l1 = OnL1((1,) * 16)
    few = l1.call(certify(l1.committee, COMMITMENT, 7, range(9)).encode())
    most = l1.call(certify(l1.committee, COMMITMENT, 7, range(16)).encode())
    assert few.output[-1] == most.output[-1] == SUCCESS
    assert few.gas_used < 100_000
    assert most.gas_used < 160_000


def test_a_committee_without_stake_or_with_a_zero_signer_is_not_deployed():
    code = bytes.fromhex(artifact("DACertVerifier")["bytecode"][2:])
    types = ["address[]", "uint96[]", "uint256"]
    for arguments in ([[], [], 55], [[bytes(20)], [1], 55], [[b"\1" * 20], [1], 0],
                      [[b"\1" * 20], [1], 101], [[b"\1" * 20], [], 55]):  # fmt: skip
        with pytest.raises(AssertionError):
            ContractBench().deploy(code + abi.encode(types, arguments))


def test_round_trip_and_the_commitment_that_the_batcher_posts():
    committee = make_committee(STAKES)
    certificate = certify(committee, COMMITMENT, 7, [0, 2, 4])
    assert Certificate.decode(certificate.encode()) == certificate
    posted = certificate.to_commitment().encode()
    assert posted[:3] == bytes.fromhex("010173")
    assert decode_commitment(posted).payload == certificate.encode()


def test_making_a_certificate_checks_it():
    committee = make_committee(STAKES)
    signatures = signatures_of(committee, COMMITMENT, 8, [0, 1])
    with pytest.raises(InvalidCertificate, match="operator 0 did not sign"):
        make_certificate(committee, L1_CHAIN_ID, COMMITMENT, 7, signatures)


def test_committee_in_rollup_json_reads_back_equal():
    committee = make_committee(STAKES, confirmation_percent=67, recency_window=50)
    assert DaCommittee.from_fields(Fields(committee.to_json(), "stemma_da")) == committee


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"operators": []}, "0 operators"),
        ({"operators": [{}] * 17}, "signer"),
        ({"confirmation_percent": 101}, "confirmation 101 %"),
        ({"safety_percent": 55}, "safety 55 %"),
        ({"recency_window": 0}, "recency_window 0"),
    ],
)
def test_committees_that_are_refused(change, says):
    value = {**make_committee(STAKES).to_json(), **change}
    with pytest.raises(ConfigError, match=says):
        DaCommittee.from_fields(Fields(value, "stemma_da"))


def test_operators_are_different():
    operator = make_committee((1,)).operators[0]
    with pytest.raises(ConfigError, match="two operators have one signer"):
        DaCommittee(VERIFIER, (operator, operator))
    with pytest.raises(ConfigError, match="two operators have one identity"):
        DaCommittee(VERIFIER, (operator, replace(operator, signer=b"\1" * 20)))
    with pytest.raises(ConfigError, match="stake 0"):
        DaOperator(operator.signer, operator.identity, 0)
