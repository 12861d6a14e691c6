"""Choosing among experts whose outcomes on real prompts and photographs were recorded by others: no model runs.

Start with `deck.py` (what was recorded), then `world.py` (the same transition over it), `orders.py` (the rules).
"""
