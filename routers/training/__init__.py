"""Trains the request classifier from a folder of examples. Needs torch; serving does not."""
