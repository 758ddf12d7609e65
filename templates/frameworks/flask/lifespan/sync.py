"""How the application waits for the database: in the server's threads, one for each request in it."""

#: Requests that may wait for their turn at the same time; Cloud Run sends no more than are admitted at once.
WAITING = 100

#: For /health and /ready, which never wait for their turn.
PROBES = 4


def threads(concurrency: int) -> int:
    """As many threads as there can be requests in the application, so that none waits unseen before it."""
    return concurrency + WAITING + PROBES
