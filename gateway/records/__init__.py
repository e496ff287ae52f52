"""What happened, one redacted row a request."""
