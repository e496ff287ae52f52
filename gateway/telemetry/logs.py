"""Log lines: one a fact, to standard error, never with a prompt, an answer or a key in it."""

from __future__ import annotations

import logging
import sys

_LEVELS = {"debug", "info", "warning", "error"}


def configure(level: str) -> None:
    """Log at `level` (debug, info, warning or error; anything else means info)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line("%(asctime)s %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel("WARNING")
    name = level.lower() if level.lower() in _LEVELS else "info"
    logging.getLogger("pointsman").setLevel(name.upper())


class _Line(logging.Formatter):
    """Keeps a record on one line: a line break in a message must not look like another record."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.exc_info else text.replace("\r", "\\r").replace("\n", "\\n")
