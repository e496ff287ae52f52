"""OpenAI's Responses API, spoken at the edge: requests become chat completions, answers become output items."""
