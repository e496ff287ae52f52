"""Answers kept for later. Nothing wrong, partial or foreign may come out of here."""
