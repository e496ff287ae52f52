"""The admin API under `/admin/v1`, on the port of the gateway."""
