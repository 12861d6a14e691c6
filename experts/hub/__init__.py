"""Weights by hub id: which files of a repository are read, what the local cache holds of them, how the rest comes.

`names` says what a hub id is, `files` which files loading reads, `cache` looks without any request, `fetch` asks the
hub, `known` is what can be said of a repository before it is asked. Everything is loaded from folders: what is complete
here is loaded without a request, offline or not.
"""

from __future__ import annotations

from experts.hub.cache import cached, commit_of, lacking, present, snapshot
from experts.hub.names import COMMIT, ID, REVISION, pinned, split

__all__ = ["COMMIT", "ID", "REVISION", "cached", "commit_of", "lacking", "pinned", "present", "snapshot", "split"]
