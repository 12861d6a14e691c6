"""Benchmarks, a file or folder each: `python -m benchmarks.NAME` measures and prints, `--save` writes docs/results/.

Start with `poster.py`, the shortest; files that begin with an underscore are what the others share.
"""
