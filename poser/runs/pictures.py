"""The pictures of a run: PNG files that its log names by path and digest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from PIL import Image

from experts.files import write_whole
from experts.images import MAX_PNG, decode, png
from experts.types import image_digest

STEPS = "steps"
"""The folder of the pictures."""
_MODES = ("L", "RGB", "RGBA")


class Pictures:
    """The pictures of one run: PNG files under `steps/`, each stored once and named by digest in the log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._named: dict[tuple[str, str], str] = {}
        self._opened: dict[tuple[str, str], Image.Image] = {}

    def keep(self, image: Image.Image, name: str = "picture") -> dict[str, str]:
        """Writes a picture unless it is there already; gives what stands for it in the log. Raises OSError."""
        mode = image.mode if image.mode in _MODES else "RGB"
        digest = image_digest(image)
        if (digest, mode) not in self._named:
            self._named[digest, mode] = self._write(re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:100], png(image), digest)
        return {"path": self._named[digest, mode], "sha256": digest, "mode": mode}

    def _write(self, name: str, data: bytes, digest: str) -> str:
        """The path of a file with these bytes: a new one, or one that is there (a run was cut off after writing it)."""
        for path in (f"{STEPS}/{name}.png", f"{STEPS}/{name}-{digest[:8]}.png", f"{STEPS}/{name}-{digest}.png"):
            file = self.folder / path
            try:
                write_whole(file, data, replace=False)
                return path
            except FileExistsError:
                if file.is_file() and not file.is_symlink() and file.read_bytes() == data:
                    return path
        raise FileExistsError(0, f"{path} is in the way", str(file))

    def fetch(self, reference: Any) -> Image.Image:
        """The picture that `keep` stored. Raises ValueError: outside the run's folder, missing, changed, no picture."""
        path, digest, mode = (reference[key] for key in ("path", "sha256", "mode"))
        if (digest, mode) not in self._opened:
            file = (self.folder / path).resolve()
            if mode not in _MODES or not file.is_relative_to(self.folder.resolve()):
                raise ValueError(f"picture {path!r} lies outside the run's folder")
            if not file.is_file():
                raise ValueError(f"there is no picture {path!r}")
            with file.open("rb") as stream:
                image = decode(stream.read(MAX_PNG + 1), path, mode == "RGBA", MAX_PNG).convert(mode)
            if image_digest(image) != digest:
                raise ValueError(f"picture {path!r} is not the one that was recorded")
            self._opened[digest, mode], self._named[digest, mode] = image, path
        return self._opened[digest, mode]
