"""A figure beside its limit and what it is compared to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A ratio or count that was measured.

    Attributes:
        name: what it is.
        value: what was measured; None: it was not.
        limit: what no way of doing it can beat; None: there is no such limit.
        reach: what it has to reach.
        against: what it is compared to, or why it was not measured.
        more: the numbers behind it, with their units in their names.
    """

    name: str
    value: float | None
    limit: float | None
    reach: float
    against: str
    more: Mapping[str, Any] = field(default_factory=dict)
    larger_is_better: bool = False

    @property
    def met(self) -> bool | None:
        """Whether it reaches what it has to; None where it was not measured."""
        if self.value is None:
            return None
        return self.value >= self.reach if self.larger_is_better else self.value <= self.reach

    def data(self) -> dict[str, Any]:
        """For JSON."""
        fields = {"name": self.name, "value": self.value, "limit": self.limit, "reach": self.reach, "met": self.met}
        return {**fields, "against": self.against, **self.more}

    def __str__(self) -> str:
        """One line."""
        if self.value is None:
            return f"{self.name:54} {self.against}"
        sign = ">=" if self.larger_is_better else "<="
        limit = "-" if self.limit is None else f"{self.limit:.3g}"
        verdict = "" if self.met else "  NOT MET"
        return (
            f"{self.name:54} {self.value:<8.3g} limit {limit:6} reach {sign} {self.reach:<6.3g} {self.against}{verdict}"
        )
