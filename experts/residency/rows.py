"""Text embeddings kept in RAM, bounded in bytes; the least recently used leave."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any


class Rows:
    """What encoders answered, by row and field.

    Attributes:
        limit: bytes that may be kept; `bytes`: kept at present.
        passes: rows that an encoder computed; `found`: rows that were there.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.bytes = self.passes = self.found = 0
        self._kept: OrderedDict[Hashable, dict[Hashable, Any]] = OrderedDict()

    def __len__(self) -> int:
        """Rows kept."""
        return len(self._kept)

    def get(self, row: Hashable) -> dict[Hashable, Any] | None:
        """Field -> value of a row; None where nothing is known of it."""
        if row in self._kept:
            self._kept.move_to_end(row)
        return self._kept.get(row)

    def put(self, row: Hashable, field: Hashable, value: Any) -> None:
        """Keeps one field of a row; one that is larger than everything allowed is not kept."""
        size = getattr(value, "nbytes", 0)
        if size > self.limit:
            return
        fields = self._kept.setdefault(row, {})
        self._kept.move_to_end(row)
        self.bytes += size - getattr(fields.get(field), "nbytes", 0)
        fields[field] = value
        while self.bytes > self.limit:
            _, oldest = self._kept.popitem(last=False)
            self.bytes -= sum(getattr(kept, "nbytes", 0) for kept in oldest.values())
