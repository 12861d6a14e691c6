"""Models come when asked for, share their parts, leave when room is needed, and every move is on record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from experts.memory import NoRoom, Residency


class Loads:
    """Loaders that count."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def of(self, name: str) -> Callable[[], str]:
        """A loader of that name."""

        def load() -> str:
            self.made.append(name)
            return f"model {name}"

        return load


def test_loads_once() -> None:
    home, loads = Residency("cpu"), Loads()
    assert home.acquire("a", loads.of("a"), 1) is home.acquire("a", loads.of("a"), 1)
    assert loads.made == ["a"] and home.resident == ("a",) and home.used_gib == 1


def test_the_least_recently_used_leaves_by_need() -> None:
    home, loads = Residency("cpu", vram_gib=3), Loads()
    for key in "abc":
        home.acquire(key, loads.of(key), 1)
    home.acquire("a", loads.of("a"), 1)
    home.acquire("d", loads.of("d"), 2)
    assert home.resident == ("a", "d")
    gone = [event for event in home.log if event.kind == "drop"]
    assert [event.key for event in gone] == ["b", "c"] and all("room in RAM for d" in e.reason for e in gone)


def test_what_fits_evicts_nothing() -> None:
    home, loads = Residency("cpu", vram_gib=3), Loads()
    for key in "abc":
        home.acquire(key, loads.of(key), 1)
    assert [event.kind for event in home.log] == ["load"] * 3


def test_pinned_models_stay() -> None:
    home, loads = Residency("cpu", vram_gib=2), Loads()
    home.pinned.add("a")
    for key in "abc":
        home.acquire(key, loads.of(key), 1)
    assert home.resident == ("a", "c")
    home.pinned.add("c")
    with pytest.raises(NoRoom, match="^b takes 1 GiB of RAM and the limit is 2 GiB beside the pinned a, c: unpin one"):
        home.acquire("b", loads.of("b"), 1)
    home.pinned.remove("a")
    home.acquire("b", loads.of("b"), 1)
    assert home.resident == ("c", "b")


def test_what_cannot_fit_evicts_nobody() -> None:
    home, loads = Residency("cpu", vram_gib=2), Loads()
    home.acquire("a", loads.of("a"), 1)
    with pytest.raises(NoRoom, match="^big needs 5 GiB and the limit is 2 GiB: raise vram_gib"):
        home.acquire("big", loads.of("big"), 5)
    assert home.resident == ("a",) and loads.made == ["a"]


def test_parts_are_loaded_once_however_the_path_is_written(tmp_path: Path) -> None:
    home, loads = Residency("cpu"), Loads()
    (tmp_path / "vae").mkdir()
    paths = [tmp_path / "vae", tmp_path / "x" / ".." / "vae", str(tmp_path / "vae")]
    (tmp_path / "x").mkdir()
    parts = {id(home.component(path, loads.of("vae"))) for path in paths}
    assert len(parts) == 1 and loads.made == ["vae"]
    home.component("owner/name", loads.of("hub"))
    assert loads.made == ["vae", "hub"]


def test_parts_leave_with_their_last_user() -> None:
    home, loads = Residency("cpu"), Loads()

    def with_vae() -> str:
        return home.component("owner/vae", loads.of("vae"))

    home.acquire("a", with_vae, 1)
    home.acquire("b", with_vae, 1)
    home.drop("a")
    home.acquire("a", with_vae, 1)
    assert loads.made == ["vae"]
    home.drop("a")
    home.drop("b")
    home.acquire("a", with_vae, 1)
    assert loads.made == ["vae", "vae"]


def test_a_failed_load_leaves_nothing_behind() -> None:
    home, loads = Residency("cpu"), Loads()

    def broken() -> str:
        home.component("owner/vae", loads.of("vae"))
        raise OSError("no weights")

    with pytest.raises(OSError, match="no weights"):
        home.acquire("a", broken, 1)
    assert home.resident == () and home.used_gib == 0
    home.component("owner/vae", loads.of("vae"))
    assert loads.made == ["vae", "vae"]
    home.acquire("a", loads.of("a"), 1)
    assert home.resident == ("a",)


def test_the_log_counts_the_bytes_of_torch_modules() -> None:
    import torch

    home = Residency("cpu")
    home.acquire("a", lambda: torch.nn.Linear(10, 10), 1)
    home.drop("a")
    assert [(e.kind, e.bytes) for e in home.log] == [("load", 440), ("drop", 512)]


def test_the_cpu_computes_in_float32_and_an_unknown_dtype_is_refused() -> None:
    assert Residency("cpu").dtype == "float32" and Residency("cuda").dtype == "bfloat16"
    assert Residency("cpu").vram_gib == float("inf")
    with pytest.raises(ValueError, match="no such dtype 'half'; type one of float32"):
        Residency(dtype="half")
