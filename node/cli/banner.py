"""The start-up text of `stemma dev`, on standard output; logs go to standard error."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

from chain.types import checksum_address, to_address
from genesis.dev_accounts import DEV_MNEMONIC

from .version import package_version


def banner(run: Mapping[str, Any], *, datadir: str, l1_block_s: float, l2_block_s: int) -> str:
    """Accounts, keys, addresses and a first command to try."""
    py_evm = package_version("py-evm")
    lines = [
        f"stemma {package_version()}  py {platform.python_version()}  py-evm {py_evm}"
        "           dev network, keys are PUBLIC",
        "",
        "Accounts",
    ]
    for index, account in enumerate(run["accounts"]):
        shown = checksum_address(to_address(account["address"]))
        lines.append(f"  ({index:>2}) {shown}  key {account['private_key']}  {account['name']}")
    l1, l2 = run["l1"], run["l2"]
    lines += [
        f"Mnemonic  {DEV_MNEMONIC}   path m/44'/60'/0'/0/",
        f"L1        {l1['rpc']}  chain {l1['chain_id']}   {l1['client']}   block {l1_block_s:g} s",
        f"L2        {l2['rpc']}  {l2['ws']}  chain {l2['chain_id']}  block {l2_block_s} s",
        f"Genesis   {l2['genesis']}",
        "Contracts",
    ]
    for name, address in {**run["contracts"], **run["precompiles"]}.items():
        lines.append(f"  {name:<24}{checksum_address(to_address(address))}")
    if run.get("gateway"):
        lines.append(f"AI        {run['gateway']}/v1")
    lines += [
        f"Datadir   {datadir}   run.json",
        f"Try       cast block-number --rpc-url {l2['rpc']}   |   curl {l2['rpc']}/readyz   |   "
        "Ctrl+C to stop",
        f"Listening on {l2['rpc'].removeprefix('http://')}",
    ]
    return "\n".join(lines)
