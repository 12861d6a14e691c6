"""What a server counts, for Prometheus, in a registry of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from poser.runs.summary import outcome
from poser.serve.engine import Engine, Event
from poser.types import Step, Trajectory

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class Metrics:
    """Requests, episodes, steps, USD, and how full the engine is."""

    def __init__(self, engine: Engine) -> None:
        own = self.registry = CollectorRegistry()
        self._requests = Counter("poser_requests", "Answered requests", ["route", "status"], registry=own)
        self._seconds = Histogram("poser_request_seconds", "Time to answer", ["route"], buckets=SECONDS, registry=own)
        self._episodes = Counter("poser_episodes", "Ended episodes", ["model", "end"], registry=own)
        self._steps = Counter("poser_steps", "Steps", ["expert", "outcome"], registry=own)
        self._usd = Counter("poser_usd", "Charged by services, US dollars", registry=own)
        for name, about in (("waiting", "Episodes that wait"), ("playing", "Episodes that have a seat")):
            gauge = Gauge(f"poser_{name}", about, registry=own)
            gauge.set_function(lambda name=name: getattr(engine, name))  # type: ignore[misc]

    def answered(self, scope: Mapping[str, Any], status: int, seconds: float) -> None:
        """One request; paths that are no route of ours are one."""
        route = getattr(scope.get("route"), "path", "other")
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def heard(self, model: str, event: Event) -> None:
        """One event of an episode."""
        if isinstance(event, Trajectory):
            return
        if isinstance(event, Step):
            self._steps.labels(event.action.expert or "stop", outcome(event)).inc()
            self._usd.inc(max(0.0, event.after.spent.usd - event.before.spent.usd))
            return
        delivered = "delivered" if event.trajectory.images else "nothing delivered"
        self._episodes.labels(model, type(event.error).__name__ if event.error else delivered).inc()

    def page(self) -> bytes:
        """In the format that Prometheus reads."""
        return generate_latest(self.registry)
