"""The HTTP edge: one file per endpoint, and the wire formats."""
