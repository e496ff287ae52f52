"""An OTLP/HTTP receiver for tests: `with FakeCollector() as collector: …; collector.wait_for(3)`."""

from tests.fake_collector.server import CollectedSpan, FakeCollector, Mode

__all__ = ["CollectedSpan", "FakeCollector", "Mode"]
