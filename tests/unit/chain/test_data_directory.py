"""The data directory: one process at a time, and no newer form is touched."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from chain.storage import (
    DATA_VERSION,
    AlreadyLocked,
    DataDirectory,
    StorageError,
    UnsupportedVersion,
)


def test_new_directory_gets_a_version_and_the_id_of_its_process(tmp_path):
    with DataDirectory(tmp_path / "a" / "b") as directory:
        assert (directory.path / "VERSION").read_text() == f"{DATA_VERSION}\n"
        assert (directory.path / "LOCK").read_text() == f"{os.getpid()}\n"
        assert directory.chain() == tmp_path / "a" / "b" / "chain"
        assert directory.chain("l1") == tmp_path / "a" / "b" / "l1"


def test_second_holder_is_refused_and_told_who_has_it(tmp_path):
    with DataDirectory(tmp_path), pytest.raises(AlreadyLocked) as caught:
        DataDirectory(tmp_path)
    assert caught.value.pid == os.getpid()
    assert caught.value.path == tmp_path
    assert str(os.getpid()) in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_another_process_is_refused_while_this_one_holds_it_and_not_after(tmp_path):
    program = (
        "import sys, pathlib; from chain.storage import DataDirectory, AlreadyLocked\n"
        "try: DataDirectory(pathlib.Path(sys.argv[1])); print('open')\n"
        "except AlreadyLocked as error: print(error.pid)\n"
    )

    def ask() -> str:
        command = [sys.executable, "-c", program, str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    with DataDirectory(tmp_path):
        assert ask() == str(os.getpid())
    assert ask() == "open"


def test_directory_of_a_dead_process_is_taken_over_whatever_its_lock_says(tmp_path):
    (tmp_path / "LOCK").write_text("12345678901\n")
    with DataDirectory(tmp_path):
        assert (tmp_path / "LOCK").read_text() == f"{os.getpid()}\n"


def test_directory_can_be_taken_again_after_close(tmp_path):
    first = DataDirectory(tmp_path)
    first.close()
    first.close()
    DataDirectory(tmp_path).close()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (str(DATA_VERSION + 1), "newer program"),
        ("999999999999999999999", "newer program"),
        (str(DATA_VERSION - 1), "no migration"),
        ("", "expected an integer"),
        ("one", "expected an integer"),
        ("-1", "expected an integer"),
    ],
)
def test_other_version_is_refused_unchanged_and_the_lock_given_back(tmp_path, text, says):
    (tmp_path / "VERSION").write_text(text)
    for _ in range(2):
        with pytest.raises(UnsupportedVersion, match=says):
            DataDirectory(tmp_path)
    assert (tmp_path / "VERSION").read_text() == text


def test_version_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "VERSION").write_bytes(b"\xff\xfe")
    with pytest.raises(StorageError, match="VERSION"):
        DataDirectory(tmp_path)


def test_file_in_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        DataDirectory(tmp_path / "file")
