"""Limits on money and time that hold for all requests together, met by a price on what a request takes."""
