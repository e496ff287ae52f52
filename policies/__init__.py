"""Routing policies: language, checks and the pure decision engine. Needs only pydantic, ruamel.yaml and re2."""
