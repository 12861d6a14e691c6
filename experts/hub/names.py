"""Hub ids: 'owner/name', 'owner/name/PART' for a folder or file of it, and either with '@REVISION'."""

from __future__ import annotations

import re

COMMIT = re.compile(r"[0-9a-f]{40}")
REVISION = re.compile(r"[0-9a-f]{40}|refs/pr/\d{1,6}")
"""A commit, or the branch of a pull request (converted weights often stay in one)."""
ID = re.compile(rf"[\w.-]+/[\w.-]+(/[\w./-]+)?(@({REVISION.pattern}))?")


def split(need: str) -> tuple[str, str, str]:
    """The parts of a hub id.

    Returns:
        'owner/name'; the folder or file in it, '' for the whole; the revision, '' where none is pinned.
    """
    where, _, revision = need.partition("@")
    owner, name, *part = where.split("/")
    return f"{owner}/{name}", "/".join(part), revision


def pinned(where: str, revision: str | None) -> str:
    """A folder or hub id with its revision, where there is one: 'owner/name@COMMIT'."""
    return f"{where}@{revision}" if revision and REVISION.fullmatch(revision) else where
