"""Services at a fifth of faults, dialects and a slow server included: what was asked, made, paid and delivered."""

from __future__ import annotations

import os
import random
from typing import Any

from experts.api._client import Line
from tests.experts import api_world
from tests.experts.fault_plan import FAULTS, LOST, Plan
from tests.experts.loopback import DIALECTS, Loopback

USUAL = 1000
KEY = "a-key-of-this-benchmark-0000"
TIMEOUT = 0.5
"""Of a request, s; a 'timeout' of the server is longer."""


def _series(kind: str, calls: int, seed: int, plan: Any, **settings: Any) -> dict[str, Any]:
    """`calls` pictures asked of a server of that kind: the server's book, the ledger and the results."""
    os.environ[api_world.VARIABLE] = KEY
    server = Loopback(key=KEY)
    try:
        server.fault, server.hang = plan, 2 * TIMEOUT
        server.dialect = settings.pop("dialect", "")
        limits = {"timeout": TIMEOUT, "deadline": 600.0, "concurrency": 8, **settings}
        expert = api_world.expert(kind, server, seed=seed, **limits)
        line: Line = expert.line
        results = expert(api_world.requests(kind, calls))
        totals = line.ledger.totals
        charged = sum(result.usd for result in results)
        dear = max(round(result.usd / api_world.USD) for result in results)
        same = totals.bought == server.book.bought and totals.requests == server.book.requests
        same &= abs(totals.usd - charged) < 1e-6 and abs(totals.usd - server.book.bought * api_world.USD) < 1e-6
        return {
            "calls": calls,
            "requests": len(server.book.asked),
            "made": server.book.bought,
            "payments": dear,
            "delivered": sum(result.image is not None for result in results),
            "lost": sum(fault in LOST for fault in server.book.faults),
            "faults": len(server.book.faults),
            "balanced": same,
        }
    finally:
        server.close()


def measure(n: int, seed: int) -> dict[str, Any]:
    """About `n` pictures: every service drawing and editing at 20 % of faults, every dialect, a server slower than
    anybody waits."""
    draws = random.Random(seed)
    share = max(2, n // (len(api_world.KINDS) + len(DIALECTS) + 1))
    rows = [_series(kind, share, seed, Plan(0.2, draws.randrange(10**6), FAULTS)) for kind in api_world.KINDS]
    rows += [
        _series("compatible", share, seed, Plan(0.2, draws.randrange(10**6), FAULTS), dialect=name) for name in DIALECTS
    ]
    slow = _series("openai", min(16, share), seed, lambda: "timeout")
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
