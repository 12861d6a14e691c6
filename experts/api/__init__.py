"""Image services: one small file a protocol (`SERVICE`), shared plumbing in the underscored files.

The plumbing serves whoever asks a service for anything: counted retries, paces, ledgers, keys that nobody sees.
Nothing is imported from a client package before an expert is loaded. `ledgers()` says what was sent and charged; with
EXPERTS_LEDGER=FILE in the environment it is in that file too, crash or no crash (`journal(FILE)` reads it).
"""

from __future__ import annotations

from experts.api._client import Answer, Errand, Line, ledgers, line_of
from experts.api._faults import BadAnswer, Fault, HttpStatus
from experts.api._journal import read as journal
from experts.api._secret import Secret
from experts.api._terms import Limits, Prices, Terms, Tokens

__all__ = [
    "Answer",
    "BadAnswer",
    "Errand",
    "Fault",
    "HttpStatus",
    "Limits",
    "Line",
    "Prices",
    "Secret",
    "Terms",
    "Tokens",
    "journal",
    "ledgers",
    "line_of",
]
