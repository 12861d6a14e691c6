"""Files that are whole or not there; folders that one process at a time writes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from experts.files import FolderInUse, held, sweep, write_whole


def test_a_write_may_be_told_to_replace_nothing(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"one", replace=False)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "a", b"two", replace=False)
    assert (tmp_path / "a").read_bytes() == b"one"
    write_whole(tmp_path / "a", b"two")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a", b"two")]


def test_no_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "link").symlink_to("mine")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "mine").read_text() == "mine" and not (tmp_path / "link").is_symlink()


def test_what_a_killed_write_left_is_swept_and_what_lives_is_not(tmp_path: Path) -> None:
    process = os.fork()
    if not process:
        os._exit(0)
    os.waitpid(process, 0)
    gone, living, mine = f".a.{process}-1.part", f".a.{os.getpid()}-1.part", ".a.part"
    for name in (gone, living, mine):
        (tmp_path / name).write_text("")
    sweep(tmp_path)
    sweep(tmp_path / "absent")
    assert {file.name for file in tmp_path.iterdir()} == {living, mine}


def test_a_folder_is_held_by_one_and_leaves_nothing_where_nothing_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with held(folder), pytest.raises(FolderInUse, match="another process writes into"), held(folder):
        pass
    assert not (tmp_path / "a").exists()
    with held(folder):
        (folder / "file").write_text("")
    with pytest.raises(FileExistsError), held(folder, new=True):
        pass
    assert [file.name for file in folder.iterdir()] == ["file"]


def test_a_killed_holder_holds_no_more(tmp_path: Path) -> None:
    process = os.fork()
    if not process:
        with held(tmp_path / "a"):
            os.kill(os.getpid(), 9)
    os.waitpid(process, 0)
    with held(tmp_path / "a"):
        pass
