"""Requests in people's own words, with what the picture should show: how much is understood, done, and claimed rightly.

Start with `__main__`. `requests.jsonl` teaches the reader (3,623 requests by ten writers who did not know it),
`validation.jsonl` chooses what it rests on (577, of the same writers), `test.jsonl` (239, by another writer) is opened
once.
"""
