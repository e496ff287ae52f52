"""Log lines: one a fact, to standard error, never with a prompt, an answer or a key in it."""

from __future__ import annotations

import logging
import sys
import time

_LEVELS = {"debug", "info", "warning", "error"}


def configure(level: str) -> None:
    """Log at `level` (debug, info, warning or error; anything else means info)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line("%(asctime)s %(levelname)s %(name)s %(message)s"))
    # No line names a thread, a process or a source line, and finding them out is most of what a record costs.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # as the standard library's documentation advises
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel("WARNING")
    name = level.lower() if level.lower() in _LEVELS else "info"
    logging.getLogger("pointsman").setLevel(name.upper())


class _Line(logging.Formatter):
    """Keeps a record on one line: a line break in a message must not look like another record."""

    _second = -1
    _time = ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 overrides
        """Local time with its offset, worked out once a second."""
        second = int(record.created)
        if second != self._second:
            self._second, self._time = second, time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(second))
        return self._time

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.exc_info else text.replace("\r", "\\r").replace("\n", "\\n")
