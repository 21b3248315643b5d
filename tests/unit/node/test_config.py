"""The configuration: precedence, and errors that name the setting and suggest the right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.config import ConfigurationError, NodeConfig, dump, load, with_settings


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "stemma.toml"
    path.write_text(text)
    return path


def test_flags_win_over_environment_over_file_over_default(tmp_path: Path) -> None:
    file = written(tmp_path, '[rpc]\nport = 1\nhost = "file"\n[l1]\nurl = "file"\n')
    environment = {"STEMMA_RPC__PORT": "2", "STEMMA_RPC__HOST": "env", "HOME": "/x"}
    config = load(file, environment, {"rpc.port": 3, "l1.poll_s": None})
    assert (config.rpc.port, config.rpc.host, config.l1.url) == (3, "env", "file")
    assert config.l1.poll_s == NodeConfig().l1.poll_s


def test_dumped_configuration_loads_to_an_equal_value(tmp_path: Path) -> None:
    config = load(flags={"rpc.cors": ("http://a", "http://b"), "l1.url": 'with "quotes"'})
    assert load(written(tmp_path, dump(config))) == config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[rcp]\nport = 1", "section unknown 'rcp'; did you mean 'rpc'?"),
        ("[rpc]\nprot = 1", "[rpc] setting unknown 'prot'; did you mean 'port'?"),
        ("[rpc]\nport = 'x'", "rpc.port: expected int, got 'x'"),
        ("[rpc]\nport = true", "rpc.port: expected int, got True"),
        ("[rpc]\nport = 70000", "rpc.port: expected 0 to 65535, got 70000"),
        ("[rpc]\napi = 'eth, ned'", "rpc.api: unknown 'ned'; did you mean 'net'?"),
        ("[node]\nroles = ['sequenzer']", "did you mean 'sequencer'?"),
        ("[node]\nroles = ['batcher']", "batcher without sequencer"),
        ("[l1]\npoll_s = 0", "l1.poll_s: expected more than 0"),
        ("[log]\nlevel = 'rpc=loud'", "log level 'loud'"),
        ("[log]\nformat = 'xml'", "log.format: unknown 'xml'"),
        ("port = 1", "'port' stands outside of a [section]"),
        ("[rpc", "not valid TOML"),
    ],
)
def test_bad_setting_is_an_error_that_names_it(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(written(tmp_path, text))
    assert words in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nothing.toml: No such file"):
        load(tmp_path / "nothing.toml")


def test_unknown_environment_variable_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="environment: .rpc. setting unknown 'prot'"):
        load(environment={"STEMMA_RPC__PROT": "1"})


def test_variables_of_other_tools_are_left_alone() -> None:
    assert load(environment={"STEMMA_VECTORS": "/x"}) == NodeConfig()


def test_with_settings_changes_only_what_it_names() -> None:
    changed = with_settings(NodeConfig(), {"rpc.port": 1})
    assert changed.rpc.port == 1
    assert changed.l1 == NodeConfig().l1


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"p2p.listen": "nowhere"}, "p2p.listen"),
        ({"p2p.listen": "127.0.0.1:0", "p2p.bootnodes": ("ab@127.0.0.1:1",)}, "node id"),
        ({"p2p.bootnodes": ("127.0.0.1:1",)}, "set p2p.listen"),
        ({"p2p.max_inbound": -1}, "p2p.max_inbound"),
    ],
)
def test_a_network_that_cannot_be_is_refused(flags, named) -> None:
    with pytest.raises(ConfigurationError, match=named):
        load(flags=flags)
