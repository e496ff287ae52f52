"""Whether an experiment goes on: evidence that may be looked at after every request."""
