"""The parts of python -m app.database.check: the facts, what follows from them, and how both are written."""
