"""Requests in people's own words, with what the picture should show: how much is understood, done, and claimed rightly.

Start with `__main__`; `requests.jsonl` holds 440 requests by writers who did not know the reader, all of them for
development: the half that was a test part has been opened. A new test part, by other writers, is `test.jsonl`.
"""
