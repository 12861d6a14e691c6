"""What learning is worth: every honest alternative on the same held-out tasks, `python -m benchmarks.ladder`.

Start with `rungs.py`, the list of alternatives; `world.py` is what they share, `figures.py` how they are compared.
"""
