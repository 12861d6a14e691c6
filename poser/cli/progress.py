"""What a run shows on stderr while it goes: one line a step, and on a terminal a bar with the time left."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from poser.cli import terminal
from poser.runs.summary import commands_of, outcome, step_data
from poser.types import State, Step, Trajectory

_STYLES = {"accepted": "green", "reverted": "yellow", "unjudged": "yellow", "failed": "red", "stopped": "cyan"}


class Progress:
    """A context; tell it when the run starts and of every step."""

    def __init__(self, quiet: bool = False, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, quiet=quiet)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.fields[left]}"))
        self._bar = Bar(*columns, console=self.console, transient=True, disable=quiet or not self.console.is_terminal)
        self._task = self._bar.add_task("loading", total=None, left="")
        self._begun = time.monotonic()
        self._steps = self._before = 0

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def start(self, begun: Trajectory) -> None:
        """The models are there; the clock of the steps starts. A resumed trajectory brings its steps."""
        self._begun, self._before = time.monotonic(), len(begun.steps)
        self._steps = self._before
        self._bar.update(self._task, description=f"step {self._steps + 1}")

    def step(self, step: Step) -> None:
        """Prints a step's line and moves the bar."""
        self._steps += 1
        self.console.print(line(self._steps, step), soft_wrap=True)
        settled, total = len(step.after.plan.done + step.after.plan.dropped), len(step.after.plan.commands)
        left = f"{settled} of {total} commands · {about(self.left(step.after))} left"
        self._bar.update(self._task, description=f"step {self._steps + 1}", total=total, completed=settled, left=left)

    def left(self, state: State) -> float:
        """Seconds that the rest will take: one step of average length a pending command, within the step limit."""
        average = (time.monotonic() - self._begun) / max(1, self._steps - self._before)
        return average * min(len(state.plan.pending), max(0, state.task.budget.steps - state.spent.steps))


@contextlib.contextmanager
def counting(what: str, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar of calls on stderr, lines where that is no terminal; gives what is told (done, whole)."""
    console = Console(stderr=True, quiet=quiet, highlight=False)
    said = [0]
    columns = (TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)

        def tell(done: int, whole: int) -> None:
            bar.update(task, completed=done, total=whole)
            if not console.is_terminal and 4 * done // whole > said[0]:
                said[0] = 4 * done // whole
                console.print(f"{what}: {done} of {whole} calls", soft_wrap=True)

        yield tell


def line(number: int, step: Step) -> Text:
    """One step in one line: number, outcome, expert and scope, score, seconds, USD, the words asked."""
    data, kind = step_data(step), outcome(step)
    score = f"{data['score']:.2f}" if data["score"] is not None else "–"
    cost = f"{data['seconds']:.1f} s" + (f" ${data['usd']:.3f}" if data["usd"] else "")
    words = " + ".join(command.text for command in commands_of(step))
    why = data["failure"] or (data["feedback"] if kind in ("reverted", "unjudged") else "")
    return Text.assemble(
        f"{number:2d}  ",
        (f"{kind:8s}", _STYLES[kind]),
        f"  {terminal.line(str(step.action)):28s}  {score:>4s}  {cost:13s} {terminal.line(words)}",
        (f"  ({terminal.line(why)})" if why else "", "dim"),
    )


def about(seconds: float) -> str:
    """'about 40 s', 'about 3 min'."""
    return f"about {seconds:.0f} s" if seconds < 100 else f"about {seconds / 60:.0f} min"
