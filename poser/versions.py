"""What ran: versions of this package and of those that decide its pictures, read without importing them."""

from __future__ import annotations

from functools import cache

VERSION = "0.1.0"

PACKAGES = (
    "torch",
    "diffusers",
    "transformers",
    "sentence-transformers",
    "safetensors",
    "numpy",
    "pillow",
    "gymnasium",
    "stable-baselines3",
    "openai",
    "pydantic",
)


def installed(package: str) -> str | None:
    """The version of an installed distribution, None where it is missing."""
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@cache
def _read() -> dict[str, str]:
    import platform

    found = {"poser": VERSION, "python": platform.python_version(), "platform": platform.platform()}
    return found | {name: version for name in PACKAGES if (version := installed(name))}


def versions() -> dict[str, str]:
    """Name -> version of poser, python, the platform and every installed package of `PACKAGES`."""
    return dict(_read())
