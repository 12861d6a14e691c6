"""Requests in people's own words, with what the picture should show: how much is understood, done, and claimed rightly.

Start with `__main__`; `requests.jsonl` holds 440 requests by writers who did not know the reader, half of them for
development and half for test, by a hash of their id.
"""
