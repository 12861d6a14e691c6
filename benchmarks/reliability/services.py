"""Services at a fifth of faults, dialects and a slow server included: what was asked, made, paid and delivered."""

from __future__ import annotations

import os
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from experts.api._client import Line
from experts.api._journal import Journal, read
from experts.api._ledger import Ledger
from tests.experts import api_world
from tests.experts.fault_plan import FAULTS, LOST, Plan
from tests.experts.loopback import DIALECTS, Loopback

USUAL = 1000
KEY = "a-key-of-this-benchmark-0000"
TIMEOUT = 0.5
"""How long a request waits for the server that is too slow, s; no other answer is late (`tests.experts.patience`)."""


def _series(kind: str, calls: int, seed: int, plan: Any, **settings: Any) -> dict[str, Any]:
    """`calls` pictures asked of a server of that kind: the server's book, the ledger, the journal and the results."""
    os.environ[api_world.VARIABLE] = KEY
    with Loopback(key=KEY) as server, TemporaryDirectory() as folder:
        server.fault, server.dialect = plan, settings.pop("dialect", "")
        limits = {"deadline": 600.0, "concurrency": 8, **settings}
        expert = api_world.expert(kind, server, seed=seed, **limits)
        line: Line = expert.line
        line.ledger = Ledger(line.name, Journal(Path(folder) / "journal"))
        results = expert(api_world.requests(kind, calls))
        totals = line.ledger.totals
        book = server.settled(totals.requests)
        written = [entry.charge for entry in read(Path(folder) / "journal")]
        usd = [totals.usd, sum(result.usd for result in results), sum(charge.usd for charge in written)]
        same = totals.bought == book.bought == sum(charge.bought for charge in written)
        same &= totals.requests == book.requests == len(written)
        same &= all(abs(one - book.bought * api_world.USD) < 1e-6 for one in usd)
        return {
            "calls": calls,
            "requests": len(book.asked),
            "made": book.bought,
            "payments": max(round(result.usd / api_world.USD) for result in results),
            "delivered": sum(result.image is not None for result in results),
            "lost": sum(fault in (*LOST, "hang") for fault in book.faults),
            "faults": len(book.faults),
            "balanced": same,
        }


def measure(n: int, seed: int) -> dict[str, Any]:
    """About `n` pictures: every service drawing and editing at 20 % of faults, every dialect, a server slower than
    anybody waits."""
    draws = random.Random(seed)
    share = max(2, n // (len(api_world.KINDS) + len(DIALECTS) + 1))
    rows = [_series(kind, share, seed, Plan(0.2, draws.randrange(10**6), FAULTS)) for kind in api_world.KINDS]
    rows += [
        _series("compatible", share, seed, Plan(0.2, draws.randrange(10**6), FAULTS), dialect=name) for name in DIALECTS
    ]
    slow = _series("openai", min(16, share), seed, lambda: "hang", timeout=TIMEOUT)
    rows.append(slow)
    sums = {
        name: sum(row[name] for row in rows) for name in ("calls", "requests", "made", "delivered", "lost", "faults")
    }
    most, balanced = max(row["payments"] for row in rows), all(row["balanced"] for row in rows)
    return {
        "test": f"{sums['calls']:,} pictures asked of four services and {len(DIALECTS)} dialects, 20 % faults, and of "
        "a server that is slower than its time limit; nothing may be repeated that may have been charged",
        "found": f"at most {most} payment a picture, {sums['requests'] / sums['calls']:.2f} requests a picture, "
        f"{sums['delivered']:,} delivered ({sums['lost']} answers lost); slow server: {slow['payments']} payment and "
        f"{slow['requests'] / slow['calls']:.0f} request a picture; books {'agree' if balanced else 'DISAGREE'}",
        **sums,
        "most_payments": most,
        "balanced": balanced,
        "slow": slow,
    }
