"""Commands of `pointsman`, one file per command."""
