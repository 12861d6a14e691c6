"""Reading weight files before they are asked for, so that they come from the system's cache and not from the disk.

Only bytes are read. Building a model in another thread would not be safe beside one that runs: `from_pretrained` sets
torch's default dtype and replaces `nn.Module.register_parameter` for the whole process while it works.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from threading import Thread

from experts import hub

CHUNK = 2**24
"""Bytes of a read."""


def weight_files(needs: Iterable[str]) -> list[Path]:
    """The safetensors files of folders, files and hub ids in the local hub cache; what is not there is left out.

    Of a pipeline, those of its parts: a checkpoint beside them is not what is loaded.
    """
    found: list[Path] = []
    for need in needs:
        place = Path(need) if Path(need).is_absolute() else _snapshot(need)
        if place is None:
            continue
        files = [place] if place.suffix == ".safetensors" else sorted(place.rglob("*.safetensors"))
        whole = (place / "model_index.json").is_file()
        found += [file for file in files if file.is_file() and not (whole and file.parent == place)]
    return found


def _snapshot(need: str) -> Path | None:
    from huggingface_hub import constants

    repo, folder, _ = hub.split(need)
    commit = hub.cached(need)
    home = Path(constants.HF_HUB_CACHE, f"models--{repo.replace('/', '--')}", "snapshots")
    return home / commit / folder if commit else None


class ReadAhead:
    """Reads in the background, one thing at a time; `bytes` counts what was read."""

    def __init__(self) -> None:
        self.bytes = 0
        self._seen: set[Path] = set()
        self._thread: Thread | None = None

    def __call__(self, needs: Iterable[str]) -> None:
        """Starts reading what was not read before; does nothing while a read is under way."""
        if self._thread is not None and self._thread.is_alive():
            return
        files = [file for file in weight_files(needs) if file not in self._seen]
        if files:
            self._seen.update(files)
            self._thread = Thread(target=self._read, args=(files,), name="read ahead", daemon=True)
            self._thread.start()

    def join(self) -> None:
        """Waits for the read that is under way."""
        if self._thread is not None:
            self._thread.join()

    def _read(self, files: Iterable[Path]) -> None:
        buffer = bytearray(CHUNK)
        for path in files:
            try:
                with path.open("rb", buffering=0) as file:
                    while count := file.readinto(buffer):
                        self.bytes += count
            except OSError:
                continue  # whoever loads it says what is wrong
