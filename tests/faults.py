"""Faults between a live service and its database, and what the service promises to do through each of them.

A fault is a function that takes a `Stand`. It lets callers send requests, does the damage, and undoes it.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import LiteralString

from psycopg.sql import SQL, Identifier

from callers import HUNG, Answer, Load, NoEventError, until
from combinations import Combination
from rig import Flow, Rig, Welcome
from servers import ROLE, wait_until
from stand import CALLERS, DIRECT, SLOTS, Stand, changed
from storm import NO_ANSWER

#: Callers of a flood.
FLOOD = 16 * SLOTS

# How PgBouncer and PostgreSQL log that they refuse a connection.
POOLER_IS_FULL = "no more connections allowed"
ROLE_IS_FULL = "too many connections for role"


def under_load(damage: Callable[[Stand, Load], None]) -> Callable[[Stand], None]:
    """The damage is done while requests run, and they run until each caller has been served again."""

    def run(stand: Stand) -> None:
        with stand.load() as load:
            load.wait_for_answers(2)
            damage(stand, load)
            load.wait_for_success()

    return run


def repeatedly(damage: Callable[[Stand], int], times: int = 3) -> Callable[[Stand], None]:
    """Connections are damaged several times while requests run."""

    def each_time(stand: Stand, load: Load) -> None:
        for _ in range(times):
            until(lambda: damage(stand) > 0, "a connection is damaged")
            load.wait_for_answers(1)

    return under_load(each_time)


def disturbed(flow: Flow, welcome: Welcome = Welcome.PASS) -> Callable[[Stand], None]:
    """All connections in use are disturbed, until everybody who waited has an answer."""

    def disturb(stand: Stand, load: Load) -> None:
        with stand.postgres.locked(stand.database, "note"):
            until(lambda: stand.waiting() >= SLOTS, "statements run")
            stand.rig.welcome(welcome)
            stand.rig.disturb(flow)
        until(lambda: stand.rig.disturbed >= SLOTS, "the answers are disturbed")
        load.wait_for_answers(1)
        stand.rig.restore()

    return under_load(disturb)


def idle_mute(stand: Stand) -> None:
    """The connections that the pool keeps are mute."""
    stand.fill("before")
    stand.rig.disturb(Flow.MUTE)
    with stand.load() as load:
        load.wait_for_answers(1)
        stand.rig.restore()
        load.wait_for_success()


def asleep(manner: Welcome) -> Callable[[Stand], None]:
    """The database ends all connections and sleeps until attempts of all slots have failed."""

    def run(stand: Stand) -> None:
        stand.fill("before")
        failed = stand.failed_attempts()
        stand.rig.welcome(manner)
        stand.rig.end()
        with stand.load() as load:
            until(lambda: stand.failed_attempts() >= failed + SLOTS, "attempts to connect fail")
            stand.rig.restore()
            load.wait_for_answers(2)

    return run


#: Where a new note waits at the server, while somebody holds the lock.
AT_INSERT: LiteralString = "CREATE TRIGGER hold BEFORE INSERT ON note FOR EACH ROW EXECUTE FUNCTION hold()"
AT_COMMIT: LiteralString = (
    "CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON note DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION hold()"
)


@contextmanager
def held(stand: Stand, trigger: LiteralString) -> Iterator[Callable[[], None]]:
    """Inside the block a new note waits in its INSERT or its COMMIT, until the given function is called."""
    body = "BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END"
    stand.sql(SQL("CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS {}").format(body))
    stand.sql(trigger)
    try:
        with stand.postgres.connected(stand.database) as holder:
            holder.execute("SELECT pg_advisory_lock(1)")
            yield holder.close
    finally:
        stand.end_sessions()
        stand.sql("DROP FUNCTION hold CASCADE")


def commit_lost(disturb: Callable[[Rig], object]) -> Callable[[Stand], None]:
    """The answer to a COMMIT that takes effect is lost."""

    def run(stand: Stand) -> None:
        title = "committed without an answer"
        with held(stand, AT_COMMIT) as release:
            [request] = stand.post_at_once([title])
            until(lambda: stand.waiting() == 1, "the COMMIT waits")
            disturb(stand.rig)
            release()
            until(lambda: bool(stand.sql("SELECT 1 FROM note WHERE title = %s", title)), "the COMMIT takes effect")
            status = request.result().status
        stand.expect(status == 503, f"a COMMIT without an answer was answered {status}")

    return run


def idle_sessions_ended(stand: Stand) -> None:
    stand.fill("before")
    stand.end_sessions()
    with stand.load() as load:
        load.wait_for_answers(2)


def postgres_restarts(stand: Stand, load: Load) -> None:
    stand.postgres.restart()


def postgres_crashes(stand: Stand, load: Load) -> None:
    """The immediate shutdown: sessions end without a word, and the next start recovers what was committed."""
    os.kill(int((stand.postgres.data / "postmaster.pid").read_text(encoding="utf-8").split()[0]), signal.SIGQUIT)
    stand.postgres.restart()


def postgres_away(stand: Stand, load: Load) -> None:
    """The pooler stays, without its server."""
    stand.postgres.stop()
    try:
        load.wait_for_answers(2)
    finally:
        stand.postgres.start()


def pooler_restarts(stand: Stand, load: Load) -> None:
    stand.pooler.restart()


def pooler_is_full(stand: Stand, load: Load) -> None:
    """The pooler takes one client, until as many as there are slots were refused."""
    refused = stand.pooler.log().count(POOLER_IS_FULL)
    with changed(stand.pooler, max_client_conn="max_client_conn = 1"):
        until(lambda: stand.pooler.log().count(POOLER_IS_FULL) >= refused + SLOTS, "the pooler refuses clients")


def role_is_full(stand: Stand, load: Load) -> None:
    """The server takes no connection of the service's role, until it has refused one."""
    log = stand.postgres.folder / "postgres.log"
    role, refused = Identifier(ROLE), log.read_text(encoding="utf-8").count(ROLE_IS_FULL)
    stand.sql(SQL("ALTER ROLE {} CONNECTION LIMIT 0").format(role))
    try:
        stand.end_sessions()
        until(lambda: log.read_text(encoding="utf-8").count(ROLE_IS_FULL) > refused, "the server refuses a session")
    finally:
        stand.sql(SQL("ALTER ROLE {} CONNECTION LIMIT -1").format(role))


def flooded(stand: Stand) -> None:
    with stand.load(FLOOD) as load:
        load.wait_for_answers(1)


@contextmanager
def sessions_with(stand: Stand, setting: str, value: str) -> Iterator[None]:
    """Inside the block each session of the service has this setting: those that there are end, and new ones get it."""
    place = SQL("ALTER ROLE {} IN DATABASE {} ").format(Identifier(ROLE), Identifier(stand.database))
    stand.sql(place + SQL("SET {} = {}").format(Identifier(setting), value))
    try:
        stand.end_sessions()
        yield
    finally:
        stand.sql(place + SQL("RESET {}").format(Identifier(setting)))


def read_only(stand: Stand) -> None:
    """Sessions lead to a server that only reads; then new ones lead to a server that writes."""
    with sessions_with(stand, "default_transaction_read_only", "on"):
        refused = [stand.post(f"read-only {number}").status for number in range(2 * SLOTS)]
    if not stand.is_direct:
        # Those of a pooler are the provider's to end.
        stand.end_sessions()
    first = stand.post("writable again").status
    stand.expect(set(refused) == {503}, f"writes to a server that only reads were answered {refused}")
    stand.expect(first == 201, f"the first write to a server that writes again was answered {first}")


def column_changes(stand: Stand, load: Load) -> None:
    """A migration changes a column, after each connection has prepared its statements."""
    load.wait_for_answers(12)
    stand.sql("ALTER TABLE note ALTER COLUMN title TYPE varchar(300)")
    load.wait_for_answers(4)


def stale_plans(combination: Combination) -> int:
    """The requests that may fail on plans that a migration made stale: one for each connection of asyncpg."""
    return SLOTS if combination.driver == "asyncpg" else 0


def idle_in_transaction(stand: Stand) -> None:
    """The answer to an INSERT is late, and the server ends the session that waits for the COMMIT."""
    with sessions_with(stand, "idle_in_transaction_session_timeout", "200ms"), held(stand, AT_INSERT) as release:
        [request] = stand.post_at_once(["too late to commit"])
        until(lambda: stand.waiting() == 1, "the INSERT waits")
        [[pid]] = stand.sql("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        stand.rig.disturb(Flow.HOLD)
        release()
        until(lambda: not stand.sql("SELECT 1 FROM pg_stat_activity WHERE pid = %s", pid), "the session ends")
        stand.rig.restore()
        status = request.result().status
    stand.expect(status == 503, f"a request whose session had ended was answered {status}")


def table_locked(stand: Stand, load: Load) -> None:
    """A migration holds a lock longer than the deadline."""
    with stand.postgres.locked(stand.database, "note"):
        until(lambda: stand.waiting() >= SLOTS, "statements wait for the lock")
        load.wait_for_answers(1)


def ended_while_mute(stand: Stand) -> None:
    """SIGTERM meets a service whose database hangs, long before the deadline."""
    settings = {"DATABASE_DEADLINE": "30", "SHUTDOWN_TIMEOUT": "4", "APPLICATION_NAME": "ending"}
    hung = replace(stand, service=stand.start_another(**settings))
    with stand.postgres.locked(stand.database, "note"):
        sent = len(stand.record.sent)
        requests = hung.post_at_once(f"open at SIGTERM {number}" for number in range(CALLERS))
        until(lambda: len(stand.record.sent) == sent + CALLERS, "all requests are sent")
        until(lambda: stand.waiting() >= SLOTS, "statements run")
        stand.rig.welcome(Welcome.SILENCE)
        stand.rig.disturb(Flow.MUTE)
        with hung.client() as http:
            # Connections are accepted in their order.
            http.get("/health").raise_for_status()
        code = hung.service.process.stop()
    statuses = [request.result().status for request in requests]
    stand.rig.restore()
    stand.expect(code == 0, f"the exit code after SIGTERM was {code}")
    stand.expect(set(statuses) == {503}, f"requests open at SIGTERM were answered {statuses}")
    stand.expect(wait_until(lambda: not stand.at_work("ending")), "sessions are left at the server")
    stand.complaints += logged_amiss(hung.log())


@dataclass(frozen=True)
class Fault:
    run: Callable[[Stand], None]
    #: The endpoints at which it can happen.
    where: Sequence[str] = (DIRECT, "strict")
    #: Those at which it happens in `make test`; `make test-all` has all.
    often: Sequence[str] = (DIRECT, "strict")
    #: The most requests that may be answered 503.
    refusals: Callable[[Combination], int] | None = None


EVERY_POOLER = ("strict", "stock", "newer")
EVERYWHERE = (DIRECT, *EVERY_POOLER)

FAULTS = {
    "connections reset": Fault(repeatedly(lambda stand: stand.rig.reset()), often=(DIRECT,)),
    "connections closed": Fault(repeatedly(lambda stand: stand.rig.end()), often=()),
    "garbage": Fault(repeatedly(lambda stand: stand.rig.inject()), often=(DIRECT,)),
    "mute": Fault(disturbed(Flow.MUTE)),
    "all mute": Fault(disturbed(Flow.MUTE, Welcome.SILENCE), often=()),
    "mute while idle": Fault(idle_mute),
    "unread": Fault(disturbed(Flow.HOLD), often=()),
    "answers lost": Fault(disturbed(Flow.SWALLOW), often=()),
    "COMMIT unanswered": Fault(commit_lost(lambda rig: rig.disturb(Flow.SWALLOW))),
    "COMMIT reset": Fault(commit_lost(Rig.reset), often=()),
    "sleep refusing": Fault(asleep(Welcome.REFUSE), often=(DIRECT,), refusals=lambda _: 0),
    "sleep closing": Fault(asleep(Welcome.CLOSE), often=(), refusals=lambda _: 0),
    "sleep silent": Fault(asleep(Welcome.SILENCE), refusals=lambda _: 0),
    "sleep starting": Fault(asleep(Welcome.STARTING), refusals=lambda _: 0),
    "sleep garbling": Fault(asleep(Welcome.GARBLE), refusals=lambda _: 0),
    "idle sessions ended": Fault(idle_sessions_ended, EVERYWHERE, often=(), refusals=lambda _: 0),
    "busy sessions ended": Fault(repeatedly(Stand.end_sessions), EVERYWHERE, often=(DIRECT, "strict", "newer")),
    "PostgreSQL restarts": Fault(under_load(postgres_restarts), often=()),
    "PostgreSQL crashes": Fault(under_load(postgres_crashes)),
    "PostgreSQL away": Fault(under_load(postgres_away), EVERY_POOLER, often=("strict",)),
    "PgBouncer restarts": Fault(under_load(pooler_restarts), EVERY_POOLER, often=("strict", "newer")),
    "PgBouncer full": Fault(under_load(pooler_is_full), EVERY_POOLER, often=()),
    "role full": Fault(under_load(role_is_full), EVERYWHERE, often=()),
    "flood": Fault(flooded, often=(DIRECT,)),
    "read-only": Fault(read_only),
    "column changes": Fault(under_load(column_changes), EVERYWHERE, ("direct", "strict"), refusals=stale_plans),
    "idle in transaction": Fault(idle_in_transaction),
    "table locked": Fault(under_load(table_locked)),
    "SIGTERM while mute": Fault(ended_while_mute, often=(DIRECT,)),
}

#: What no fault of the database brings into the log.
NEVER_LOGGED = ("Traceback", "[SQL:")


def logged_amiss(log: Sequence[str]) -> list[str]:
    return [f"the log has {text}" for text in NEVER_LOGGED if any(text in line for line in log)]


@dataclass(frozen=True)
class Outcome:
    """What came of a fault."""

    answers: Sequence[Answer]
    lost: Sequence[str]
    twice: Sequence[str]
    connections_left: int
    complaints: Sequence[str]

    def count(self, status: int) -> int:
        return sum(answer.status == status for answer in self.answers)

    @property
    def successes(self) -> int:
        return sum(answer.is_success for answer in self.answers)

    @property
    def wrong(self) -> list[Answer]:
        return [answer for answer in self.answers if not answer.is_right]

    @property
    def longest(self) -> float:
        """Seconds of the longest wait."""
        return max(answer.seconds for answer in self.answers)

    def __str__(self) -> str:
        counts = f"{self.successes} of {len(self.answers)} requests succeeded, {self.count(503)} got 503"
        return f"{counts}, longest wait {self.longest:.1f} s"

    def broken_promises(self, refusals: int | None) -> list[str]:
        """What the service should not have done, with so many 503 allowed."""
        found = [f"{count} x {what}" for what, count in Counter(map(summary, self.wrong)).items()]
        found += [f"lost, though acknowledged: {title}" for title in self.lost]
        found += [f"written twice: {title}" for title in self.twice]
        found += self.complaints
        if refusals is not None and self.count(503) > refusals:
            found.append(f"{self.count(503)} requests got 503, and {refusals} may")
        if self.connections_left:
            found.append(f"{self.connections_left} connections are left")
        return found


def summary(answer: Answer) -> str:
    status = {HUNG: "hung", NO_ANSWER: "cut off"}.get(answer.status, str(answer.status))
    return f"{answer.method} {status}: {answer.body}"


def endure(stand: Stand, fault: Fault) -> Outcome:
    """Put the service through the fault, and see what it did and whether it is whole afterwards."""
    stand.begin()
    start = len(stand.log())
    for step in (fault.run, lambda stand: stand.fill("afterwards")):
        try:
            step(stand)
        except NoEventError as error:
            stand.complaints.append(str(error))
        finally:
            stand.rig.restore()
    left = stand.connections_left()
    stand.complaints += logged_amiss(stand.log()[start:])
    rows = Counter[str]()
    bodies: dict[str, str] = {}
    for title, body in stand.sql("SELECT title, body FROM note"):
        rows[title] += 1
        bodies[title] = body
    return Outcome(
        answers=list(stand.record.answers),
        lost=[answer.title for answer in stand.record.answers if is_lost(answer, bodies)],
        twice=[title for title, count in rows.items() if count > 1],
        connections_left=left,
        complaints=list(stand.complaints),
    )


def is_lost(answer: Answer, bodies: dict[str, str]) -> bool:
    """Whether a write was acknowledged and is not there."""
    if not answer.title or not answer.is_success:
        return False
    return answer.title not in bodies or (answer.method == "PUT" and bodies[answer.title] != "second")
