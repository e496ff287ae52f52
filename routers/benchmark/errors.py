"""What stops a benchmark."""

from __future__ import annotations


class BenchmarkError(Exception):
    """A file, a column or an option does not fit; the message says which and what to do."""
