"""Task models that answer requests, and the small language model."""
