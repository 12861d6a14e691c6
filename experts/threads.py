"""Calls that wait for something else than this machine, at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Thread


def together(calls: Sequence[Callable[[], None]]) -> None:
    """Makes all calls, the last one in this thread, and returns when all have returned.

    The others run in daemon threads: an interrupt of this one (Ctrl-C) is raised at once and waits for nobody.

    Raises:
        the first error of any of them, after all have ended.
    """
    errors: list[BaseException] = []

    def guarded(call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)

    threads = [Thread(target=guarded, args=(call,), name="expert", daemon=True) for call in calls[:-1]]
    for thread in threads:
        thread.start()
    for call in calls[-1:]:
        call()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
