"""One harness for benchmarks of the field: items, systems that draw, judges that answer, rows, statistics, a report.

Start with `types.py`; `run.py` is the loop and the command line, `systems.py` and `judges.py` are who can be named in
it. A benchmark is one file in `benchmarks/` that defines a `BENCHMARK`.
"""
