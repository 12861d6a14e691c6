"""How fast it is, every ratio measured side by side in one run: `python -m benchmarks.speed`.

One file a part (`preset`, `memory`, `pool`, `critic`, `gpu`), each with `figures()`; start with `preset.py`.
"""
