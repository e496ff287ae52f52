"""How well a router spends calls to the strong model, on files of outcomes. Read `report.py` first."""
