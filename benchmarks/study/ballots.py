"""What a rater is asked next, and what is written down of the answer. Nothing that a rater sees names a system."""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image

from benchmarks._harness.data import read_lines
from benchmarks._harness.sources import Source
from experts.images import open_image
from poser.types import PoserError

Side = Literal["first", "second", "tie"]
EVERY = 8
"""One of so many ballots is an attention check: a picture beside a spoilt copy of itself."""
SPOILT = "(spoilt copy)"
SIDE = 1024
"""Longest side of a picture as it is shown, px."""


class Pair(NamedTuple):
    """Two systems and what both have a picture of."""

    item: str
    seed: int
    a: str
    b: str


@dataclass(frozen=True)
class Shown:
    """A picture under a random name; `spoilt`: its blocks are shuffled."""

    name: str
    file: Path
    spoilt: bool = False


@dataclass(frozen=True)
class Ballot:
    """A pair as a rater sees it: `first` and `second` are a and b, or the other way round (`turned`)."""

    id: str
    pair: Pair
    first: Shown
    second: Shown
    turned: bool
    check: bool
    since: float
    start: Shown | None = None

    @property
    def pictures(self) -> list[Shown]:
        """All that are shown."""
        return [shown for shown in (self.first, self.second, self.start) if shown is not None]


class Refused(PoserError):
    """What a rater's browser asked for cannot be."""


class Study:
    """Pairs, raters and their votes.

    Args:
        systems: at least two; prompts: item -> what was asked, over what the systems know themselves.
        file: the votes, JSON lines; those that are there count.
        each: pairs that a rater is asked at most, attention checks not counted; raters: at most.

    Raises PoserError: no item that two systems have in common, or a file of votes that cannot be read.
    """

    def __init__(
        self, systems: Sequence[Source], prompts: Mapping[str, str], file: Path, each: int = 40, raters: int = 1000
    ) -> None:
        self.systems = {one.name: one for one in systems}
        self.prompts = {item: text for one in systems for item, text in one.prompts.items()} | dict(prompts)
        self._starts = {item: path for one in systems for item, path in one.starts.items()}
        self.file, self.each, self._most = file, each, raters
        self.pairs = [
            Pair(*key, a.name, b.name) for a, b in combinations(systems, 2) for key in a.pictures if key in b.pictures
        ]
        if not self.pairs:
            raise PoserError(
                "the systems have no picture of the same item; give folders whose pictures have the same names"
            )
        self._votes: Counter[Pair] = Counter()
        self._seen: dict[str, list[Pair]] = {}
        self._open: dict[str, Ballot] = {}
        for _, row in read_lines(file) if file.exists() else ():
            pair = Pair(str(row.get("item")), row.get("seed", 0), str(row.get("a")), str(row.get("b")))
            self._note(str(row.get("rater", "")), pair, "check" in row)

    def _note(self, rater: str, pair: Pair, check: bool) -> None:
        self._seen.setdefault(rater, []).append(pair)
        if not check:
            self._votes[pair] += 1

    def begin(self) -> str:
        """A new rater's secret; what is written down is a digest of it. Raises Refused."""
        if len(self._seen) >= self._most:
            raise Refused("this study has as many raters as it takes; thank you")
        token = secrets.token_urlsafe(18)
        self._seen[_rater(token)] = []
        return token

    def next(self, token: str) -> tuple[Ballot | None, int, int]:
        """The rater's ballot (the same until it is answered; None: no more), how many are answered, of how many.

        Raises Refused: no such rater.
        """
        rater = self._known(token)
        seen = self._seen[rater]
        done = sum(pair.b != SPOILT for pair in seen)
        of = min(self.each, len(self.pairs))
        if rater not in self._open and done < of:
            self._open[rater] = self._ballot(rater, seen, done)
        return self._open.get(rater), done, of

    def _ballot(self, rater: str, seen: Sequence[Pair], done: int) -> Ballot:
        """Of the pairs that the rater has not seen, one with the fewest votes so far, or an attention check."""
        luck = np.random.default_rng(int(_digest(f"{rater} {len(seen)}"), 16))
        part, place = divmod(done, EVERY)
        luckily = int(_digest(f"{rater} check {part}"), 16) % min(EVERY, self.each, len(self.pairs))
        due, known = len(seen) - done <= part and place == luckily, set(seen)
        left = self.pairs if due else [pair for pair in self.pairs if pair not in known]
        fewest = min(self._votes[pair] for pair in left)
        choice = [pair for pair in left if due or self._votes[pair] == fewest]
        pair = choice[int(luck.integers(len(choice)))]
        a, b = (self._shown(self.systems[name].pictures[pair.item, pair.seed]) for name in (pair.a, pair.b))
        if due:
            pair = pair._replace(b=SPOILT)
            b = self._shown(a.file, spoilt=True)
        turned = bool(luck.integers(2))
        start = self._starts.get(pair.item)
        sides = (b, a) if turned else (a, b)
        shown = self._shown(start) if start else None
        return Ballot(secrets.token_urlsafe(12), pair, *sides, turned, due, time.monotonic(), shown)

    @staticmethod
    def _shown(file: Path, spoilt: bool = False) -> Shown:
        return Shown(secrets.token_urlsafe(18), file, spoilt)

    def vote(self, token: str, ballot: str, side: Side) -> None:
        """Writes a vote down. Raises Refused: no such rater, or not the ballot that is open."""
        rater = self._known(token)
        found = self._open.get(rater)
        if found is None or not secrets.compare_digest(found.id.encode(), ballot.encode("utf-8", "replace")):
            raise Refused("this pair is answered already; go on with the next")
        won = side if side == "tie" else "a" if (side == "first") != found.turned else "b"
        row: dict[str, Any] = {**found.pair._asdict(), "vote": won, "rater": rater}
        row |= {"first": "b" if found.turned else "a", "seconds": round(time.monotonic() - found.since, 1)}
        row |= {"check": won == "a"} if found.check else {}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("ab") as file:
            file.write(json.dumps(row).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        del self._open[rater]
        self._note(rater, found.pair, found.check)

    def picture(self, name: str) -> Shown:
        """A picture of an open ballot. Raises Refused."""
        for ballot in self._open.values():
            for shown in ballot.pictures:
                if shown.name == name:
                    return shown
        raise Refused("no such picture; it is shown while its pair is asked")

    def _known(self, token: str) -> str:
        rater = _rater(token)
        if rater not in self._seen:
            raise Refused("nobody began with this; load the page again")
        return rater


def encoded(shown: Shown) -> bytes:
    """The picture as a PNG without metadata, at most `SIDE` px a side; spoilt: 8 x 8 blocks shuffled, and noise."""
    image = open_image(shown.file)
    image.thumbnail((SIDE, SIDE))
    if shown.spoilt:
        image = _spoilt(image)
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(image)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _spoilt(image: Image.Image) -> Image.Image:
    luck = np.random.default_rng(0)
    side = max(8, min(image.size) // 8 * 8)
    pixels = np.asarray(image.resize((side, side))).astype(int)
    step = side // 8
    blocks = pixels.reshape(8, step, 8, step, 3).swapaxes(1, 2).reshape(64, step, step, 3)[luck.permutation(64)]
    pixels = blocks.reshape(8, 8, step, step, 3).swapaxes(1, 2).reshape(side, side, 3)
    noisy = np.clip(pixels + luck.normal(0, 60, pixels.shape), 0, 255).astype(np.uint8)
    return Image.fromarray(noisy).resize(image.size)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _rater(token: str) -> str:
    return _digest(f"rater {token}")[:12]
