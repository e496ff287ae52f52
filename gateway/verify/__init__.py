"""Judging an answer before it is released."""
