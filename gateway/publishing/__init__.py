"""Publishing a policy: where the truth about it lies, how it is replaced, and how processes come to agree."""
