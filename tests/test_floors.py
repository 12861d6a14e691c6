"""Imports only go down (design, section 2), and listing things loads nothing heavy."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FLOORS = (
    ("experts.types", "experts.files", "experts.own_file", "experts.hub"),
    ("experts.failures", "experts.published"),
    ("experts.images",),
    ("experts.calling", "experts.entries", "experts.memory", "experts.cache", "experts.scheduling"),
    ("experts.registry",),
    ("experts.pool", "experts.local", "experts.api", "experts.poster", "experts.fake"),
    ("experts.poster.language",),
    ("experts.poster.opinion",),
    ("experts.poster.understanding", "experts.poster.train"),
    ("poser.types", "poser.versions"),
    ("poser.protocols",),
    (
        "poser.plugins",
        "poser.actions",
        "poser.reward",
        "poser.verdicts",
        "poser.llm.prompts",
        "poser.limits",
        "poser.cluster.settings",
    ),
    ("poser.llm", "poser.config", "poser.learned"),
    ("poser.planning.text", "poser.roster", "poser.policies"),
    ("poser.planning", "poser.wording", "poser.critics.questions"),
    ("poser.critics.vlm",),
    ("poser.critics",),
    ("poser.mdp", "poser.runs", "poser.cluster"),
    ("poser.seats", "poser.downloads"),
    ("poser.rollout", "poser.best_of", "poser.doctor"),
    ("poser.agent",),
    ("poser.learning", "poser.serve", "poser.cluster.shards"),
    ("poser.cli",),
    ("benchmarks",),
)
"""From the ground up. A file may import its own room, and rooms of the floors below; never a neighbour on its floor."""

HEAVY = ("torch", "diffusers", "transformers", "sentence_transformers", "openai", "stable_baselines3", "ray")
INSIDE = (
    "experts.memory.weights",
    *("experts.local._", "experts.poster.train", "experts.poster.opinion.arrays", "experts.poster.opinion.network"),
    *("poser.critics.vlm.yes_probability", "poser.policies.dqn"),
    *("poser.learned.network", "poser.learned.policy_file", "poser.learning.buffer", "poser.learning.learner"),
    *("poser.learning.checkpoint", "poser.learning.vec_env", "poser.learning.ppo"),
)
"""Modules that are imported only where a heavy package is in use already."""
DOORS = {"experts": "experts.pool", "poser": "poser.agent", "poser.__main__": "poser.cli"}
"""Packages' own files, which import lazily, and the floor they stand on."""


def modules() -> dict[str, Path]:
    """Every module of the three packages, with its file."""
    found = {}
    for package in ("experts", "poser", "benchmarks"):
        for file in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = file
    return found


def room(module: str) -> tuple[str, int]:
    """The room that a module stands in, by the longest name that fits, and the number of its floor."""
    module = DOORS.get(module, module)
    fits = [(name, k) for k, names in enumerate(FLOORS) for name in names if f"{module}.".startswith(f"{name}.")]
    assert fits, f"{module} stands on no floor; put it into FLOORS of tests/test_floors.py"
    return max(fits, key=lambda fit: len(fit[0]))


def imports(tree: ast.AST, names: set[str]) -> Iterator[str]:
    """Every module that the code imports, at its top or inside a function; type checkers' imports are left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & names
            yield from inner or {node.module}


@pytest.mark.parametrize("module", modules())
def test_imports_only_go_down(module):
    names = modules()
    for other in imports(ast.parse(names[module].read_text("utf-8")), set(names)):
        if other.partition(".")[0] in ("experts", "poser", "benchmarks") and other not in ("experts", "poser"):
            (theirs, below), (ours, floor) = room(other), room(module)
            assert theirs == ours or below < floor, f"{module} imports {other}, which does not stand below it"


def test_no_circle_of_files():
    names = modules()
    needs = {
        m: [o for o in imports(ast.parse(f.read_text("utf-8")), set(names)) if o in names] for m, f in names.items()
    }
    while True:
        ends = {module for module, others in needs.items() if not set(others) & (set(needs) - {module})}
        if not ends:
            break
        needs = {module: others for module, others in needs.items() if module not in ends}
    assert not needs, f"these files import one another: {', '.join(sorted(needs))}"


def test_the_wall_between_the_packages():
    for module, file in modules().items():
        below = {"experts": ("poser", "benchmarks"), "poser": ("benchmarks",)}.get(module.partition(".")[0], ())
        for other in imports(ast.parse(file.read_text("utf-8")), set()):
            assert other.partition(".")[0] not in below, f"{module} imports {other}"


def test_heavy_packages_are_imported_where_they_are_used():
    for module, file in modules().items():
        if module.startswith(INSIDE):
            continue
        for node in ast.parse(file.read_text("utf-8")).body:
            top = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            top += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            heavy = [name for name in top if name.partition(".")[0] in HEAVY]
            assert not heavy, f"{module} imports {heavy[0]} at its top"


@pytest.mark.parametrize(
    "code",
    [
        "import poser, experts, poser.cli",
        "import poser.cli; poser.cli.main(['experts'])",
        "import poser.cli; poser.cli.main(['experts', '--json'])",
        "import poser.agent, poser.runs.record, poser.runs.report",
    ],
)
def test_listing_loads_nothing_heavy(code):
    check = f"{code}; import sys; found = [m for m in {HEAVY!r} if m in sys.modules]; sys.exit(' '.join(found) or 0)"
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


USED = "import resource; used = resource.getrusage(resource.RUSAGE_SELF); print(used.ru_utime + used.ru_stime)"


def computing(code: str, *arguments: str) -> float:
    """Seconds that a process computes; compiling, which a machine that keeps no bytecode repeats, does not count."""
    command, environ = (
        [sys.executable, "-c", f"{code}\n{USED}", *arguments],
        {**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
    )
    return float(subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, check=True).stdout)


@pytest.mark.parametrize("arguments", [["--help"], ["experts"]])
def test_help_and_experts_are_instant(arguments):
    """At most 5 times what importing pydantic, yaml and Pillow takes beside it (0.1 s on an idle machine)."""
    code = (
        "import contextlib, io, sys; from poser.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit): main(sys.argv[1:])"
    )
    pairs = [(computing(code, *arguments), computing("import pydantic.main, yaml, PIL.Image")) for _ in range(3)]
    assert min(ours for ours, _ in pairs) < 5 * min(theirs for _, theirs in pairs)
