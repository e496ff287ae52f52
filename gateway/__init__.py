"""The data plane and the composition root. Read `pipeline.py` first."""
