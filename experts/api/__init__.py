"""Image services: one small file a protocol (`SERVICE`), shared plumbing in the underscored files.

Nothing is imported from a client package before an expert is loaded. `ledgers()` says what was sent and charged.
"""

from __future__ import annotations

from experts.api._client import ledgers

__all__ = ["ledgers"]
