"""What the profiler counts as the way of a step: own files only, in order, in other threads too."""

from __future__ import annotations

import json
import threading

from benchmarks._results import load
from benchmarks.footprint import page, watched
from poser.types import Task
from tests.poser.world import make


def files(seen) -> list[str]:  # noqa: ANN001
    return list(dict.fromkeys(code.co_filename.rpartition("/")[2] for code in seen))


def test_a_step_begins_in_the_process_and_passes_the_pool() -> None:
    mdp = make(1, 1)
    states = mdp.start([Task("Draw a cat.")])
    with watched() as seen:
        (step,) = mdp.step(states, [int(mdp.mask(states)[0].argmax())])
    names = files(seen)
    assert step.result is not None and names[0] == "mdp.py" and {"actions.py", "pool.py", "reward.py"} <= set(names)
    assert not any("/site-packages/" in code.co_filename or "/tests/" in code.co_filename for code in seen)


def test_threads_that_begin_meanwhile_are_watched_and_nothing_is_afterwards() -> None:
    mdp = make(1, 1)
    with watched() as seen:
        json.dumps({})
        thread = threading.Thread(target=mdp.start, args=([Task("Draw a cat.")],))
        thread.start()
        thread.join()
    count = len(seen)
    mdp.mask(mdp.start([Task("Draw a dog.")]))
    assert "mdp.py" in files(seen) and len(seen) == count


def test_the_page_tells_every_file_once() -> None:
    found = load("footprint")
    names = [row["file"] for row in found["way"]]
    assert len(names) == len(set(names)) == found["files"] <= found["limit"] and names[0] == "poser/mdp.py"
    assert found["lines"] == sum(row["lines"] for row in found["way"])
    assert all(f"`{name}`" in page(found) for name in names)
