"""What is there from the start of the process to its end.

Flask has no lifespan of its own: the server makes these threads when it starts, and calls close() when it ends.
"""

from app.database.sessions import dispose_engine

#: Requests that may wait for a slot at the same time. Cloud Run sends no more than there are slots.
WAITING = 100

#: Threads for what never waits: /health and /ready.
PROBES = 4


def threads(slots: int) -> int:
    """As many threads as there can be requests in the application, so that none waits for a thread."""
    return slots + WAITING + PROBES


def close() -> None:
    """Close the connections; the place for what else your service has to close."""
    dispose_engine()
