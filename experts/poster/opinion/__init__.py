"""A second opinion about what a request asks for: a small transformer, trained on requests that people wrote.

It says what the picture should show, without the grammar's rules. Start at `votes.py`, which asks it in several mirror
images of the same request; `sample.py` is what it is given, `network.py` what it is, `symmetry.py` what may be
exchanged in a request without changing how it is to be understood.
"""
