"""Routing policies: language, checks and the pure decision engine. Needs only pydantic and ruamel.yaml."""
