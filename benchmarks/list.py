"""`python -m benchmarks.list`: the benchmarks of the field that can be run, their size, licence, needs and source.

`--download NAME --out DIR` fetches the data of one from the Hub, where its licence allows that and it is there.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from pathlib import Path

import benchmarks
from benchmarks._harness.types import Benchmark
from poser.types import PoserError


def all_benchmarks() -> dict[str, Benchmark]:
    """Every file of `benchmarks/` that defines a BENCHMARK, by name."""
    names = [module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.ispkg]
    modules = [importlib.import_module(f"benchmarks.{name}") for name in names if not name.startswith("_")]
    found = {module.BENCHMARK.name: module.BENCHMARK for module in modules if hasattr(module, "BENCHMARK")}
    return found


def download(benchmark: Benchmark, folder: Path) -> Path:
    """Its data from the Hub. Raises `PoserError` where it is not there, or cannot be reached."""
    if not benchmark.about.hub:
        raise PoserError(f"{benchmark.name} is not on the Hub; get it from {benchmark.about.source}")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(benchmark.about.hub, repo_type="dataset", local_dir=folder))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        words = " ".join(str(error).split())
        raise PoserError(
            f"{benchmark.about.hub} cannot be fetched ({words:.160}); try again, or fetch it by hand"
        ) from None


def main(argv: list[str] | None = None) -> int:
    """Prints the list, or fetches."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.list", description=__doc__)
    parser.add_argument("--download", metavar="NAME", help="fetch the data of this one")
    parser.add_argument("--out", type=Path, help="where to")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    known = all_benchmarks()
    if asked.download:
        try:
            if asked.download not in known:
                raise PoserError(f"no benchmark {asked.download!r}; there are {', '.join(known)}")
            print(download(known[asked.download], asked.out or Path("data") / asked.download))
        except PoserError as error:
            print(error, file=sys.stderr)
            return 2
        return 0
    if asked.json:
        print(json.dumps({name: {**vars(b.about), "judge": sorted(b.kinds)} for name, b in known.items()}))
        return 0
    for name, benchmark in known.items():
        about = benchmark.about
        print(f"{name}\n  {about.size}; {about.licence}\n  needs {about.needs}\n  data: {about.source}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
