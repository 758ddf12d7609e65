"""One upgrade at a time: a lock that the session holds until its connection ends, so through commits too."""

import logging

from sqlalchemy import Connection, text
from tenacity import RetryCallState, Retrying, stop_before_delay, wait_random_exponential
from tenacity.retry import retry_if_result

log = logging.getLogger(__name__)

#: Any number that no other advisory lock in this database uses.
LOCK = 2_126_013_117

#: Seconds to wait for another upgrade: less than the job of deploy/migrate-job.yaml has, so that it can say why.
LONGEST_WAIT = 300

TRY_LOCK = text("SELECT pg_try_advisory_lock(:lock)")

HOLDER = text(
    "SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " WHERE locktype = 'advisory' AND datname = current_database() AND granted"
    " AND objsubid = 1 AND (classid::bigint << 32) | objid::bigint = :lock"
)


def take_lock(connection: Connection, wait: float) -> None:
    """Take the lock, and wait for at most so many seconds while another upgrade has it.

    No transaction is open between two attempts: CREATE INDEX CONCURRENTLY waits for the transactions of all others, so
    an upgrade that waited for the lock inside a transaction would wait for one that waits for it.

    Raises:
        SystemExit: the other upgrade did not end in time.
    """
    retrying = Retrying(
        retry=retry_if_result(lambda taken: not taken),
        stop=stop_before_delay(wait),
        wait=wait_random_exponential(multiplier=0.1, max=2),
        before_sleep=log_first_attempt,
        retry_error_callback=lambda _: False,
    )
    if not retrying(try_lock, connection):
        holder = connection.scalar(HOLDER, {"lock": LOCK})
        log.critical(
            "Another upgrade did not end within %g seconds: let process %s of the database end, or end it with"
            " SELECT pg_terminate_backend(%s), and run the migrations again.",
            wait,
            holder,
            holder,
        )
        raise SystemExit(1)


def try_lock(connection: Connection) -> bool:
    with connection.begin():
        return bool(connection.scalar(TRY_LOCK, {"lock": LOCK}))


def log_first_attempt(attempt: RetryCallState) -> None:
    if attempt.attempt_number == 1:
        log.warning("Another upgrade is running: waiting for its end.")
