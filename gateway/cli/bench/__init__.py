"""`pointsman bench`: what one request costs, measured against a mock upstream and named peers."""
