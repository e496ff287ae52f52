"""`pointsman policy`: the life of an edit, one file per command."""
