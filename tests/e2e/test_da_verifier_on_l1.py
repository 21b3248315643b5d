"""`stemma da deploy-verifier` on the embedded L1, and what the contract then says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from da_committee import certify, make_committee
from l1_thread import L1Thread
from node_process import ROOT, call

from chain.types import to_address
from genesis.da_committee import DaCommittee
from genesis.dev_accounts import dev_account
from genesis.fields import Fields
from rollup.da.erasure import extend_payload

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

COMMITTEE = make_committee((3, 2, 2))


class Deployment:
    """An L1, a rollup.json on it, and the account that pays."""

    def __init__(self, root, url):
        self.root, self.url = root, url
        self.key = root / "payer.key"
        self.key.write_text("0x" + dev_account("account1").private_key.hex())
        self.key.chmod(0o600)
        self.founded = json.loads((root / "l1" / "rollup.json").read_text())

    def rollup(self, **changes):
        """A rollup.json with these keys changed; those that are None are left out."""
        path = self.root / "rollup.json"
        value = {**self.founded, **changes}
        path.write_text(json.dumps({k: v for k, v in value.items() if v is not None}))
        return path

    def stemma(self, *arguments):
        """Exit code, output and errors of `stemma da`."""
        done = subprocess.run(
            [sys.executable, "-m", "node.cli", "da", *map(str, arguments)],
            cwd=ROOT, capture_output=True, text=True, timeout=90,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def deploy(self, rollup):
        return self.stemma(
            "deploy-verifier", "--l1-url", self.url, "--key-file", self.key,
            "--rollup-config", rollup,
        )  # fmt: skip

    def nonce(self):
        payer = f"0x{dev_account('account1').address.hex()}"
        return int(call(self.url, "eth_getTransactionCount", payer, "latest"), 16)


@pytest.fixture(scope="module")
def l1(tmp_path_factory):
    root = tmp_path_factory.mktemp("verifier")
    with L1Thread(root / "l1", 1.0, 1) as thread:
        yield Deployment(root, thread.url)


def without_verifier():
    value = COMMITTEE.to_json()
    del value["verifier"]
    return value


def test_the_printed_part_makes_a_rollup_whose_certificates_l1_accepts(l1) -> None:
    code, printed, errors = l1.deploy(l1.rollup(stemma_da=without_verifier()))
    assert code == 0, errors
    part = json.loads(printed)
    deployed = DaCommittee.from_fields(Fields(part["stemma_da"], "stemma_da"))
    assert deployed == replace(COMMITTEE, verifier=to_address(part["stemma_da"]["verifier"]))
    assert len(call(l1.url, "eth_getCode", part["stemma_da"]["verifier"], "latest")) > 1000

    rollup = l1.rollup(**part)
    commitment = extend_payload(b"by hand").commitment
    certificate = certify(deployed, commitment, 7, (0, 1), l1.founded["l1_chain_id"]).encode()
    on = ("--rollup-config", rollup, "--l1-url", l1.url)
    assert l1.stemma("verify", "0x" + certificate.hex(), *on)[:2] == (
        0,
        "ours: SUCCESS\nL1:   SUCCESS\n",
    )
    forged = certificate[:-2] + bytes((certificate[-2] ^ 1, certificate[-1]))
    code, printed, _ = l1.stemma("verify", "0x" + forged.hex(), *on)
    assert code == 3
    assert "L1:   WRONG_SIGNATURE" in printed


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "rollup.json has no stemma_da"),
        (
            {"stemma_da": make_committee((5, 1, 1, 1, 1, 1, 1, 1), custody_groups=8).to_json()},
            "operators with 6 of 12 stake cannot put a blob together",
        ),
        (
            {"stemma_da": without_verifier(), "l1_chain_id": 5},
            "is L1 [0-9]+, rollup.json is for L1 5",
        ),
        ({"stemma_da": {"operators": []}}, "0 operators, expected 1 to 16"),
    ],
)
def test_what_no_node_would_start_with_costs_nothing(l1, changes, said) -> None:
    before = l1.nonce()
    code, printed, errors = l1.deploy(l1.rollup(**changes))
    assert code not in (0, 3)
    assert printed == ""
    assert re.search(said, errors), errors
    assert l1.nonce() == before
