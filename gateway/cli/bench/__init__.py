"""`pointsman bench`: what a request costs beside a mock upstream and named peers, and how well it is routed."""
