# /// script
# requires-python = ">=3.11"
# dependencies = [
#     # The servers.
#     "a2wsgi", "flask", "granian", "gunicorn", "uvicorn[standard]", "waitress",
#     # The service.
#     "anyio", "psycopg[binary]", "pydantic-settings", "sqlmodel", "tenacity",
# ]
# ///
"""Which server is right for Flask: how fast each is, and what slow clients, leavers and SIGTERM do to it.

    uv run benchmarks/flask_servers.py [--service FOLDER] [--server NAME...] [--rounds NUMBER]

The same small application runs on each, with as many threads: benchmarks/flask_application.py says with which options.
Without uv: `uv pip install flask granian gunicorn waitress a2wsgi uvicorn httptools uvloop`. A server that is not there
is left out. *adapter* is Uvicorn with the adapter of a rendered Flask service in that folder, and *service* the same
with all that the service puts around it; both need what the service depends on. *a2wsgi* and *adapter* run on h11 and
asyncio's loop, as the service does; *httptools* brings uvloop too. Linux only: memory and threads are read from /proc.

*Requests a second* and *processor time* are ratios to the first server, medians of some rounds. In a round the servers
take turns, because on a busy machine only the ratio of neighbours means something. Processor time is that of the
server's processes for one request. *Slow clients* says how many of some calls of /health were answered while they held
their connections, each within CLIENT_TIMEOUT seconds, and how long the slowest took; the memory is what the server's
processes had gained by then. *Leaves a stream* says how many generators ended after their clients had gone, out of
more clients than there are threads.
"""

import argparse
import importlib.util
import os
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from threading import Event, Thread

from flask_application import GRACEFUL_TIMEOUT, HEADER_TIMEOUT, PACKAGES, SERVERS, STREAM_ENDED, THREADS
from load import answered_requests, processor_time

APPLICATION = Path(__file__).with_name("flask_application.py")

ROUNDS = 5
ROUND_SECONDS = 2.0

#: Seconds that a caller of /health waits, and how many call one after the other.
CLIENT_TIMEOUT = 3.0
CALLS = 3

#: Seconds between two bytes of a slow body, and of slow headers, which should be cut off after so many seconds.
PAUSE = 0.2
HEADER_PATIENCE = 3 * HEADER_TIMEOUT / 2

#: Clients that leave a stream, and the seconds in which its generator should have ended.
LEAVERS = THREADS + 5
PATIENCE = 8.0

#: What the service asks for. Nothing connects to this database.
ENVIRONMENT = {
    "DATABASE_URL": "postgresql://nobody:secret@localhost/nothing",
    "HEADER_TIMEOUT": str(HEADER_TIMEOUT),
    "SHUTDOWN_TIMEOUT": str(GRACEFUL_TIMEOUT),
}


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@dataclass(frozen=True)
class Answer:
    """What a client got: the status line, or what came instead."""

    outcome: str
    seconds: float

    @property
    def is_ok(self) -> bool:
        return self.outcome == "200"


class Server:
    """A running server, with the processes that it has started."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log

    def connect(self, receive_buffer: int | None = None) -> socket.socket:
        client = socket.socket()
        if receive_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(CLIENT_TIMEOUT)
        client.connect(("127.0.0.1", self.port))
        return client

    def ask(self, path: str, seconds: float = CLIENT_TIMEOUT) -> Answer:
        """Send one request on a connection of its own."""
        started = time.monotonic()
        try:
            with self.connect() as client:
                client.settimeout(seconds)
                client.sendall(get(path))
                outcome = status_of(client.recv(65536))
        except ConnectionRefusedError:
            outcome = "refused"
        except TimeoutError:
            outcome = "no answer"
        except ConnectionError:
            outcome = "reset"
        return Answer(outcome, time.monotonic() - started)

    def processes(self) -> list[int]:
        return family(self.process.pid)

    def memory(self) -> float:
        """MB of all processes; what they share is divided among them."""
        return sum(int(number_in(pid, "smaps_rollup", "Pss")) for pid in self.processes()) / 1000

    def threads(self) -> int:
        return sum(int(number_in(pid, "status", "Threads")) for pid in self.processes())

    def processor_time(self) -> float:
        """Seconds that its processes have computed."""
        return sum(map(processor_time, self.processes()))

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self, seconds: float) -> int | None:
        """None where it still runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(seconds)
        return None


def status_of(start: bytes) -> str:
    if not start:
        return "closed"
    found = re.match(rb"HTTP/1\.[01] (\d+)", start)
    return found[1].decode() if found else repr(start[:20])


def family(pid: int) -> list[int]:
    """The process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    return [pid, *(member for child in children for member in family(int(child)))]


def number_in(pid: int, file: str, name: str) -> str:
    found = re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return found[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@contextmanager
def serving(name: str) -> Iterator[Server]:
    """The server on a free port, until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        port = free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, str(APPLICATION), name, str(port)],
                cwd=APPLICATION.parent,
                env=ENVIRONMENT | os.environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A group of its own: what it started ends with it.
                start_new_session=True,
            )
        server = Server(process, port, log)
        try:
            if not wait_until(lambda: process.poll() is not None or server.ask("/health").is_ok, 20):
                raise RuntimeError(f"{name} does not answer:\n{log.read_text(encoding='utf-8')[-2000:]}")
            if process.poll() is not None:
                raise RuntimeError(f"{name} did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")
            yield server
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def speeds(names: Sequence[str], path: str, rounds: int) -> dict[str, tuple[float, float]]:
    """By server, the medians of its requests a second and of its processor time, both as ratios to the first."""
    rates: dict[str, list[float]] = {name: [] for name in names}
    costs: dict[str, list[float]] = {name: [] for name in names}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(serving(name)) for name in names}
        for server in servers.values():
            answered_requests(server.port, path, ROUND_SECONDS)
        for _ in range(rounds):
            measured = {name: speed(server, path) for name, server in servers.items()}
            first_rate, first_cost = measured[names[0]]
            for name, (rate, cost) in measured.items():
                rates[name].append(rate / first_rate)
                costs[name].append(cost / first_cost)
    return {name: (statistics.median(rates[name]), statistics.median(costs[name])) for name in names}


def speed(server: Server, path: str) -> tuple[float, float]:
    """Requests a second, and seconds of processor time for each."""
    used, started = server.processor_time(), time.monotonic()
    requests = answered_requests(server.port, path, ROUND_SECONDS)
    seconds = time.monotonic() - started
    return requests / seconds, (server.processor_time() - used) / requests


def start(server: Server) -> str:
    return f"{server.memory():.0f} MB, {len(server.processes())} processes, {server.threads()} threads"


def health(server: Server) -> str:
    """How many calls of /health are answered, one after the other."""
    answers = [server.ask("/health") for _ in range(CALLS)]
    answered = sum(answer.is_ok for answer in answers)
    slowest = max(answer.seconds for answer in answers)
    return f"{answered} of {CALLS}" + (f", {slowest:.2f} s" if answered == CALLS else "")


def holding(server: Server, clients: int, sent: bytes, receive_buffer: int | None = None) -> str:
    """/health while so many clients have sent this and neither send nor take anything more."""
    before = server.memory()
    with ExitStack() as stack:
        for _ in range(clients):
            client = stack.enter_context(server.connect(receive_buffer))
            client.sendall(sent)
        answered = health(server)
        return f"{answered}, {server.memory() - before:+.0f} MB"


def unfinished_headers(server: Server) -> str:
    return holding(server, 119, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Header: ")


def slow_headers(server: Server) -> str:
    """When the server cuts off a client that sends a header without an end."""
    started = time.monotonic()
    with server.connect() as client:
        client.settimeout(PAUSE)
        client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Header: ")
        while time.monotonic() < started + HEADER_PATIENCE:
            with suppress(TimeoutError):
                try:
                    outcome = status_of(client.recv(65536))
                except ConnectionError:
                    outcome = "reset"
                return f"{outcome} after {time.monotonic() - started:.0f} s"
            with suppress(ConnectionError):
                client.sendall(b"x")
    return f"not within {HEADER_PATIENCE:.0f} s"


def idle(server: Server) -> str:
    return holding(server, 300, b"")


def unread_answers(server: Server) -> str:
    return holding(server, 130, get("/large"), receive_buffer=4096)


def slow_bodies(clients: int) -> Callable[[Server], str]:
    """/health while so many clients send a body a byte at a time."""

    def measure(server: Server) -> str:
        head = b"POST /notes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        finished = Event()
        with ExitStack() as stack:
            senders = [stack.enter_context(server.connect()) for _ in range(clients)]
            for sender in senders:
                sender.sendall(head + b"Content-Length: 1000\r\n\r\n")

            def drip() -> None:
                while not finished.wait(PAUSE):
                    for sender in senders:
                        with suppress(OSError):
                            sender.sendall(b"{")

            thread = Thread(target=drip)
            thread.start()
            stack.callback(thread.join)
            stack.callback(finished.set)
            return health(server)

    return measure


def leave(server: Server) -> str:
    """How many streams end whose clients have gone, and whether anybody is served after that."""
    left = 0
    for _ in range(LEAVERS):
        with server.connect() as client, suppress(TimeoutError):
            client.sendall(get("/stream"))
            left += bool(client.recv(65536))
            # Closed with a reset, as the end of a process does it.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if left == 0:
            break

    def ended() -> int:
        return server.log.read_text(errors="replace", encoding="utf-8").count(STREAM_ENDED)

    wait_until(lambda: ended() >= left, PATIENCE)
    after = server.ask("/health")
    return f"{ended()} of {left} ended; then /health: {after.outcome}"


def drain(seconds: float) -> Callable[[Server], str]:
    """SIGTERM while a request takes so long: what it gets, what a new connection gets, and how the process ends."""

    def measure(server: Server) -> str:
        answers: list[Answer] = []
        caller = Thread(target=lambda: answers.append(server.ask(f"/slow?seconds={seconds}", 3 * seconds)))
        caller.start()
        # Nothing tells that a thread has the request.
        time.sleep(0.5)
        started = time.monotonic()
        server.terminate()
        # Until the end a server may still accept, in the kernel, what it will never answer.
        time.sleep(0.5)
        meanwhile = server.ask("/health", 1).outcome
        code = server.exit_code(3 * seconds)
        ended = time.monotonic() - started
        caller.join()
        end = "does not end" if code is None else f"exit code {code} after {ended:.1f} s"
        return f"{answers[0].outcome}; new connection: {meanwhile}; {end}"

    return measure


def idle_end(server: Server) -> str:
    """The seconds from SIGTERM to the end, with one idle connection that is kept alive."""
    with server.connect() as client:
        client.sendall(get("/health"))
        client.recv(65536)
        started = time.monotonic()
        server.terminate()
        code = server.exit_code(20)
        return "does not end" if code is None else f"exit code {code} after {time.monotonic() - started:.1f} s"


#: Each on a server that has just started.
MEASURES: Mapping[str, Callable[[Server], str]] = {
    "after its start": start,
    "slow clients: 119 unfinished headers": unfinished_headers,
    "slow clients: a header without an end is cut off": slow_headers,
    "slow clients: 300 idle": idle,
    "slow clients: 130 do not read 5 MB": unread_answers,
    "slow clients: 15 bodies a byte at a time": slow_bodies(15),
    "slow clients: 60 bodies a byte at a time": slow_bodies(60),
    "leaves a stream": leave,
    "SIGTERM, idle": idle_end,
    "SIGTERM, a request of 1.5 s": drain(1.5),
    f"SIGTERM, a request longer than {GRACEFUL_TIMEOUT} s": drain(2 * GRACEFUL_TIMEOUT),
}


def table_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def installed(names: Sequence[str]) -> list[str]:
    """Those whose packages are there; the others are named."""
    found = []
    for name in names:
        missing = [package for package in PACKAGES[name] if importlib.util.find_spec(package) is None]
        if missing:
            remedy = "--service FOLDER" if "app" in missing else f"uv pip install {' '.join(missing)}"
            print(f"{name} is left out: {remedy}", file=sys.stderr)
        else:
            found.append(name)
    return found


def versions(names: Sequence[str]) -> str:
    packages = sorted({package for name in names for package in PACKAGES[name]} - {"app"} | {"flask"})
    return ", ".join([f"Python {python_version()}", *(f"{package} {version(package)}" for package in packages)]) + "."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", nargs="*", default=list(SERVERS), choices=list(SERVERS), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--service", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.service:
        sys.path.append(str(arguments.service.resolve()))
        os.environ["PYTHONPATH"] = str(arguments.service.resolve())
    # So that everything that was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended by SIGTERM."))
    names = installed(arguments.server)
    print(f"{table_row(['', *names])}\n|{'---|' * (len(names) + 1)}")
    for path in ("/health", "/work"):
        if arguments.rounds:
            found = speeds(names, path, arguments.rounds)
            print(table_row([f"requests a second, {path}", *(f"{found[name][0]:.2f}" for name in names)]))
            print(table_row([f"processor time, {path}", *(f"{found[name][1]:.2f}" for name in names)]), flush=True)
    for title, measure in MEASURES.items():
        cells = []
        for name in names:
            with serving(name) as server:
                cells.append(measure(server))
        print(table_row([title, *cells]), flush=True)
    print(f"\n{versions(names)}")


if __name__ == "__main__":
    main()
