"""A blind study: people compare pictures of systems pair by pair, in a browser.

It has a server of its own, not a path of `poser serve`: raters are strangers, and behind this one there is no engine
that they could make work, no studio and no key. Its statistics are those of `benchmarks.compare`, which `poser` never
imports.
"""
