"""Spans, metrics and money."""
