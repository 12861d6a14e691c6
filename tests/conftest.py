"""What every test stands on: no network, no hub, and a small recorded episode made by hand."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ["HF_HUB_OFFLINE"] = "1"  # before any import of huggingface_hub; subprocesses inherit it
os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: tests that run side by side share the cores

from poser.types import Trajectory  # noqa: E402
from tests.poser import episodes  # noqa: E402

settings.register_profile("poser", deadline=None)  # a busy machine is no failure
settings.load_profile("poser")

LONGEST_SESSION = 900  # s; a busy machine is no failure
_LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Connections leave this machine only in tests marked `net`."""
    if request.node.get_closest_marker("net") is None:
        for name in ("connect", "connect_ex"):
            monkeypatch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name), lambda _, address: address))
        resolve = _guarded(socket.getaddrinfo, lambda host, *_: (host or "localhost",))
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield


def _guarded(call: Callable, address: Callable) -> Callable:
    """The same call, refused where its address is not this machine's (a path is: it names a local socket)."""

    def guarded(*arguments: object, **options: object) -> object:
        where = address(*arguments)
        host = where[0] if isinstance(where, tuple) else "localhost"
        host = host.decode() if isinstance(host, bytes) else str(host)
        if not host.startswith(_LOOPBACK):
            raise RuntimeError(f"a test tried to reach {host}; mark it `net`, or answer it from this machine")
        return call(*arguments, **options)

    return guarded


@pytest.fixture
def session(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs shell commands, or Python, in a folder where `poser` and `python` are this checkout's."""
    for name, arguments in (("poser", " -m poser"), ("python", "")):
        command = tmp_path / ".bin" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n')
        command.chmod(0o755)
    root = str(Path(__file__).parents[1])
    environ = os.environ | {"PATH": f"{tmp_path / '.bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": root}

    def run(code: str, language: str = "sh") -> subprocess.CompletedProcess[str]:
        start = [sys.executable, "-c"] if language == "python" else ["bash", "-euo", "pipefail", "-c"]
        return subprocess.run(
            [*start, code], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=LONGEST_SESSION
        )

    return run


@pytest.fixture
def episode() -> Trajectory:
    """Five steps of editing a poster: accepted, reverted, failed, accepted, a redraw of all that remains."""
    return episodes.edited()


@pytest.fixture
def drawn() -> Trajectory:
    """Two steps of drawing a poster from words, then 'stop'."""
    return episodes.drawn()
