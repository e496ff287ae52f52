"""A scriptable upstream for tests: `with FakeUpstream() as up: up.script(Error(429), Whole("hello"))`."""

from tests.fake_upstream.behaviours import (
    Behaviour,
    Chunks,
    Cut,
    DropConnection,
    Echo,
    EmptyStream,
    Error,
    ErrorInStream,
    Garbage,
    Hang,
    Json,
    Raw,
    Slow,
    Stream,
    Whole,
)
from tests.fake_upstream.server import FakeUpstream

__all__ = [
    "Behaviour",
    "Chunks",
    "Cut",
    "DropConnection",
    "Echo",
    "EmptyStream",
    "Error",
    "ErrorInStream",
    "FakeUpstream",
    "Garbage",
    "Hang",
    "Json",
    "Raw",
    "Slow",
    "Stream",
    "Whole",
]
