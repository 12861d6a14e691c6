"""The way of one step: which files and functions of this repository one `MDP.step` of a preset runs through.

`python -m benchmarks.footprint [--json] [--save]`. A profiler watches the second step of an episode, an edit, after
another episode was played: loading is not on the way, and nothing that the step asks for is remembered.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from benchmarks._results import command_line, publish, table, with_origin

ROOT = Path(__file__).parents[1]
OWN = tuple(str(ROOT / package) + "/" for package in ("experts", "poser"))
WARM = "Draw a small blue circle at the top left on a white background. Make the circle purple."
PROMPT = "Draw a big red star in the center on a yellow background. Make the star green."
SHOWN = 4
"""Functions of a file that the page names."""
LIMIT = 25
"""Own files that a step of the embedded preset may touch."""


@contextmanager
def watched() -> Iterator[dict[CodeType, None]]:
    """Every own function that is called meanwhile, in any thread begun meanwhile, in the order of its first call."""
    seen: dict[CodeType, None] = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(OWN):
            seen.setdefault(frame.f_code)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield seen
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def step_of(preset: str) -> Callable[[], Any]:
    """The second step of an episode, ready to be taken; every model that it needs is loaded."""
    from poser.agent import Poser

    poser = Poser.from_pretrained(preset)
    poser(WARM)
    states = poser.mdp.start([poser.task(PROMPT)])
    states = [step.after for step in poser.mdp.step(states, poser.policy(states, poser.mdp.mask(states)))]
    slots = poser.policy(states, poser.mdp.mask(states))
    return lambda: poser.mdp.step(states, slots)


def figures(preset: str) -> dict[str, Any]:
    """Files in the order in which they are entered, each with its lines and the functions that run."""
    step = step_of(preset)
    with watched() as seen:
        step()
    functions: dict[str, list[str]] = {}
    for code in seen:
        inner = [] if code.co_name.startswith("<") else [code.co_qualname]
        functions.setdefault(code.co_filename, []).extend(inner)
    lines = {file: len(Path(file).read_text("utf-8").splitlines()) for file in functions}
    way = [
        {"file": Path(file).relative_to(ROOT).as_posix(), "lines": lines[file], "functions": names}
        for file, names in functions.items()
    ]
    totals = {"files": len(way), "lines": sum(lines.values()), "functions": sum(map(len, functions.values()))}
    return {"preset": preset, "limit": LIMIT, **totals, "way": way}


def page(found: Mapping[str, Any]) -> str:
    """The files in order, with the first functions of each."""
    rows = []
    for k, row in enumerate(found["way"], 1):
        names = ", ".join(
            [*(f"`{name}`" for name in row["functions"][:SHOWN]), *["..."][: len(row["functions"]) > SHOWN]]
        )
        rows.append([str(k), f"`{row['file']}`", str(row["lines"]), names])
    return (
        f"One step of `{found['preset']}` touches {found['files']} own files ({found['lines']:,} lines) and "
        f"{found['functions']} functions; the aim is at most {found['limit']} files. `{found['command']}`\n\n"
        + table(["", "file", "lines", "enters it through"], rows)
    )


def main(argv: list[str] | None = None) -> int:
    """Runs, prints, perhaps saves."""
    parser = command_line("footprint", __doc__)
    parser.add_argument("--preset", default="poster")
    asked = parser.parse_args(argv)
    return publish(asked, "footprint", with_origin(figures(asked.preset), "footprint"), page)


if __name__ == "__main__":
    sys.exit(main())
