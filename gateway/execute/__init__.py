"""Calling targets: one file per kind, and what they share."""
