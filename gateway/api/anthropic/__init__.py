"""Anthropic's Messages API, spoken at the edge: requests become chat completions, answers become messages."""
