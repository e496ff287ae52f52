"""The local-model process: specialists and a small language model behind OpenAI's schema. Read `app.py` first."""
