"""Workers that can do the same: who is asked, and what becomes of a call that is lost.

A call goes to the worker that would answer first (`soonest`). A call that is lost (its worker died, its machine left,
it took too long) goes once to another worker, or to the same one begun anew; then each of its items is `Lost`. Nothing
else raises.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

from experts.failures import boundary, plain_line
from experts.types import FailureKind
from poser.cluster.worker import Answered
from poser.types import PoserError

T = TypeVar("T")
GIB_A_SECOND = 1.0
"""Weights that come from a disk into memory in a second: what calling an expert that is not there is reckoned with."""
REVIVAL = 120.0
"""Seconds that a call waits for a worker that is begun anew, where there is no other."""
PAUSE = 5.0
"""Seconds for which an expert is said to be down whose workers are lost."""
QUICK = 10.0
"""Seconds in which a worker answers how long it has been busy; one that does not is stuck."""


@dataclass(frozen=True)
class Lost:
    """Why there is no answer to an item."""

    kind: FailureKind
    words: str
    retry_after: float | None = None


@dataclass(frozen=True)
class Work:
    """What is asked: the method of `Worker`, its name for people, the key of its model on a device, the seconds that an
    item is expected to take, and the GiB that have to be loaded where the model is not there."""

    method: str
    name: str
    key: str = ""
    seconds: float = 1.0
    gib: float = 0.0


@dataclass(eq=False)
class Replica:
    """A worker as the driver sees it.

    Attributes:
        name: for people; handle: of the actor.
        load: seconds of work that it has been given and has not answered; given: of all that it has been given.
        resident: keys of the models that were on its device after its last answer.
        until: when what it then had to do for other drivers will be done, s (`time.monotonic`).
        order: which of equals is asked; another for every driver, or all of them would ask the same one.
        back: answers once it is begun anew; None while it is up; gone: it will not be.
    """

    name: str
    handle: Any
    load: float = 0.0
    given: float = 0.0
    resident: frozenset[str] = field(default_factory=frozenset)
    until: float = 0.0
    order: float = field(default_factory=random.random)
    back: Any = None
    gone: bool = False


def shares(items: Sequence[T], workers: int) -> list[list[T]]:
    """Items cut evenly over so many workers, in order; each share holds one item or more."""
    size = max(1, -(-len(items) // max(1, workers)))
    return [list(items[k : k + size]) for k in range(0, len(items), size)]


def soonest(up: Sequence[Replica], work: Work, now: float) -> Replica:
    """The one that would answer first: the seconds of what it has to do, for this driver and for others, and of loading
    the model where that is not there (a little, whatever it weighs, so that models stay put); of equals, the one that
    holds least. `now`: s, of the clock of `Replica.until`."""
    loading = 0.01 + work.gib / GIB_A_SECOND if work.key else 0.0
    waits = [one.load + max(0.0, one.until - now) + (0.0 if work.key in one.resident else loading) for one in up]
    least = min(waits)
    equals = [one for one, wait in zip(up, waits, strict=True) if wait == least]
    return min(equals, key=lambda one: (len(one.resident), one.given, one.order))


class Replicas:
    """Asks workers; may be used from several threads.

    Args:
        ray: the module, connected.
        timeout: s a call may take, waiting included.
        whole: a list goes to one worker; otherwise it is cut evenly over those that are up.
    """

    def __init__(self, ray: Any, timeout: float, whole: bool) -> None:
        self._ray, self._timeout, self._whole = ray, timeout, whole
        self._lock = Lock()
        self.retried = 0

    def ask(self, among: Sequence[Replica], work: Work, items: Sequence[Any]) -> list[Any]:
        """The answer to each item, or `Lost`, in order. Raises PoserError, where a worker says what is to be mended."""
        parts = shares(items, 1 if self._whole else len(self._up(among)))
        sent = [(part, *self._send(among, work, part)) for part in parts]
        out: list[Any] = []
        for part, replica, ref in sent:
            answer = self._heard(work, part, replica, ref)
            if isinstance(answer, Lost) and answer.kind != "broken":
                answer = self._again(among, work, part, replica, answer)
            out += [answer] * len(part) if isinstance(answer, Lost) else answer
        return out

    def _again(
        self, among: Sequence[Replica], work: Work, part: list[Any], lost: Replica, why: Lost
    ) -> list[Any] | Lost:
        """Once more, on another worker, or on this one begun anew; `why` where there is neither."""
        others = [replica for replica in self._up(among) if replica is not lost]
        if not others and self._revived(among):
            others = self._up(among)
        if not others:
            return why
        with self._lock:
            self.retried += 1
        return self._heard(work, part, *self._send(others, work, part))

    def _send(self, among: Sequence[Replica], work: Work, part: list[Any]) -> tuple[Replica, Any]:
        up = self._up(among) or list(among)
        with self._lock:
            replica = soonest(up, work, time.monotonic())
            replica.load += work.seconds * len(part)
            replica.given += work.seconds * len(part)
        try:
            return replica, getattr(replica.handle, work.method).remote(part)
        except Exception as error:  # it cannot be sent: the object store is full, or it does not pickle
            return replica, error

    def _heard(self, work: Work, part: list[Any], replica: Replica, ref: Any) -> list[Any] | Lost:
        try:
            if isinstance(ref, Exception):
                raise ref
            answered: Answered = self._ray.get(ref, timeout=self._timeout)
        except Exception as error:
            return self._lost(work, replica, ref, error)
        finally:
            with self._lock:
                replica.load -= work.seconds * len(part)
        with self._lock:
            replica.resident = frozenset(answered.resident)
            replica.until = time.monotonic() + max(0.0, answered.held - replica.load)
        return answered.answers

    def _lost(self, work: Work, replica: Replica, ref: Any, error: Exception) -> Lost:
        """What an exception of a call means; a worker that is dead or stuck is begun anew."""
        from ray import exceptions as rays

        if isinstance(error, rays.GetTimeoutError):
            self._give_up(replica, ref)
            return Lost("timeout", f"{work.name}: no answer of {replica.name} in {self._timeout:g} s", PAUSE)
        if isinstance(error, rays.RayTaskError):
            if isinstance(error.cause, PoserError):
                raise error.cause
            failure = boundary(error.cause)
            return Lost(failure.kind, f"{work.name}: {failure.message}", failure.retry_after)
        if isinstance(error, rays.OutOfMemoryError | rays.ObjectStoreFullError) or "low on memory" in str(error):
            kind: FailureKind = "memory"
        elif isinstance(error, rays.RayError):
            kind = "unavailable"
        else:
            return Lost("broken", f"{work.name}: {boundary(error).message}")
        if isinstance(error, rays.RayActorError):
            self._down(replica)
        return Lost(kind, f"{work.name}: its worker {replica.name} is lost ({plain_line(_first(error), 120)})", PAUSE)

    def _give_up(self, replica: Replica, ref: Any) -> None:
        """A call that takes too long is withdrawn; a worker that is stuck in one is begun anew."""
        with contextlib.suppress(Exception):
            self._ray.cancel(ref)
        try:
            watch = replica.handle.longest.options(concurrency_group="watch")
            busy = self._ray.get(watch.remote(), timeout=min(QUICK, self._timeout))
        except Exception:
            busy = self._timeout
        if busy >= self._timeout:
            self._ray.kill(replica.handle, no_restart=False)
            self._down(replica)

    def _down(self, replica: Replica) -> None:
        """It is asked again once it answers."""
        with self._lock:
            if replica.back is None:
                watch = replica.handle.process.options(concurrency_group="watch", max_task_retries=-1)
                replica.back, replica.resident = watch.remote(), frozenset()

    def _up(self, among: Sequence[Replica]) -> list[Replica]:
        """Those that are up, or are up again."""
        for replica in among:
            if replica.back is not None and not replica.gone and self._ray.wait([replica.back], timeout=0)[0]:
                try:
                    self._ray.get(replica.back)
                    replica.back = None
                except Exception:
                    replica.gone = True
        return [replica for replica in among if replica.back is None]

    def _revived(self, among: Sequence[Replica]) -> bool:
        """Waits until one of those that are down is up again; False where none comes back."""
        until = time.monotonic() + min(REVIVAL, self._timeout)
        while not self._up(among):
            coming = [replica.back for replica in among if replica.back is not None and not replica.gone]
            left = until - time.monotonic()
            if not coming or left <= 0:
                return False
            self._ray.wait(coming, timeout=left)
        return True

    def end(self, among: Sequence[Replica], grace: float) -> None:
        """Ends these workers once nothing is asked of them any more, at the latest after `grace` seconds."""
        until = time.monotonic() + grace
        while any(replica.load > 1e-9 for replica in among) and time.monotonic() < until:
            time.sleep(0.02)
        for replica in among:
            self._ray.kill(replica.handle)


def _first(error: BaseException) -> str:
    """Type and first line of an error."""
    line = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {line}"
