"""Reasons about conditions without any request: what can hold at all, and what earlier rules leave over."""
