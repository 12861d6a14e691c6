"""The log of a server: one JSON object a line on standard error. Prompts are in it only where that was asked for."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

log = logging.getLogger("poser.serve")


class Lines(logging.Formatter):
    """Every record as one line of JSON, those of libraries too."""

    def format(self, record: logging.LogRecord) -> str:
        """Control characters come out escaped."""
        fields = getattr(record, "fields", None) or {"event": record.name, "message": record.getMessage()[:2000]}
        if record.exc_info:
            fields = {**fields, "trace": self.formatException(record.exc_info)[-4000:]}
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return json.dumps({"time": f"{when}.{int(record.msecs):03d}Z", "level": record.levelname.lower(), **fields})


def tell(event: str, **fields: Any) -> None:
    """Logs an event with its fields; empty ones are left out."""
    log.info(event, extra={"fields": {"event": event, **{k: v for k, v in fields.items() if v not in ("", None)}}})


def to_stderr() -> None:
    """From now on everything at 'info' and above goes there, in this form."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log.setLevel(logging.INFO)
