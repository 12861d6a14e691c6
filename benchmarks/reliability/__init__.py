"""What is lost when things go wrong: one file a row of docs/results/reliability.md, which `__main__` runs by its name.

A part defines `measure(n, seed) -> figures` with `test` and `found`, both in words, and its own numbers beside them.
"""
