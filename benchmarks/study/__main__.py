"""A blind study in the browser: `python -m benchmarks.study RUN_A RUN_B ... --votes votes.jsonl`, then `--results`.

Folders are a benchmark's `--out`, that of `poser batch`, a folder of runs, or pictures named ID.png ('folder:DIR').
Sides and order are random, pictures have random names, one of eight pairs is an attention check. Votes are JSON lines
without personal data, as `benchmarks.compare --votes` reads them. Results: win rates with s.e. by prompt as in table 3
of Image-POSER (arXiv:2511.11780), Wilson intervals, Bradley-Terry strengths, agreement between raters and with a judge.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path

from benchmarks import compare
from benchmarks._harness import judges, votes
from benchmarks._harness.data import read_json
from benchmarks._harness.sources import judged, sources
from benchmarks._results import plain
from poser import limits
from poser.serve import settings
from poser.types import PoserError

QUESTION = "Which picture follows the instructions better?"
SHORTEST = 12
"""Characters of a code."""


def main(argv: list[str] | None = None) -> int:
    """Serves the study until it is stopped, or prints its results."""
    about = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study", description=__doc__, formatter_class=about)
    parser.add_argument("systems", nargs="+", metavar="DIR", help="folders with the pictures of two or more systems")
    parser.add_argument("--votes", type=Path, default=Path("votes.jsonl"), help="where votes go (default: votes.jsonl)")
    parser.add_argument("--prompts", type=Path, help="JSON object: item -> prompt, shown above its pictures")
    parser.add_argument("--question", default=QUESTION, help=f"default: {QUESTION}")
    parser.add_argument("--each", type=int, default=40, help="pairs a rater is asked (default: 40)")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; beyond this machine --code is required")
    parser.add_argument("--port", type=int, default=8002, help="0: a free one (default: 8002)")
    parser.add_argument("--code", default="", help=f"raters need ADDRESS/study#CODE ({SHORTEST} characters or more)")
    parser.add_argument("--results", action="store_true", help="print what the votes come to")
    parser.add_argument("--judge", help="with --results: chat:MODEL or recorded:FILE, for its agreement with people")
    parser.add_argument("--json", action="store_true", help="with --results: as JSON")
    asked = parser.parse_args(argv)
    try:
        return _results(asked) if asked.results else _served(asked)
    except (PoserError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2


def _results(asked: argparse.Namespace) -> int:
    people = votes.read(asked.votes)
    judge = judges.load(asked.judge) if asked.judge else None
    said = judged(sources(asked.systems), judge, _prompts(asked)) if judge else []
    found = {"scores": [], **compare.voted(said, people)}
    print(json.dumps(plain(found)) if asked.json else compare.page(found))
    return 0


def _prompts(asked: argparse.Namespace) -> dict[str, str]:
    found = read_json(asked.prompts) if asked.prompts else {}
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise PoserError(f"{asked.prompts} is no JSON object of item -> prompt")
    return found


def _served(asked: argparse.Namespace) -> int:
    import uvicorn

    from benchmarks.study.ballots import Study
    from benchmarks.study.server import make
    from poser.serve.server import bound, configured

    limits.whole(asked.port, 0, 65535, "--port"), limits.whole(asked.each, 1, 10_000, "--each")
    if asked.code and len(asked.code) < SHORTEST:
        raise PoserError(f"--code has {len(asked.code)} characters; give {SHORTEST} or more")
    if not asked.code and not settings.on_loopback(asked.host):
        raise PoserError(
            f"--host {asked.host} can be reached from other machines: give a --code, or listen on 127.0.0.1"
        )
    study = Study(sources(asked.systems), _prompts(asked), asked.votes, asked.each)
    app = make(study, asked.question, asked.code, settings.on_loopback(asked.host))
    listening = bound(asked.host, asked.port)
    with contextlib.closing(listening), contextlib.suppress(KeyboardInterrupt):
        at = f"http://{asked.host}:{listening.getsockname()[1]}/study{'#' + asked.code if asked.code else ''}"
        print(f"{len(study.pairs)} pairs; study: listening on {at} ; Ctrl-C stops", file=sys.stderr)
        uvicorn.Server(configured(app)).run([listening])
    return 0


if __name__ == "__main__":
    sys.exit(main())
