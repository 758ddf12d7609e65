"""A TCP proxy between a service and its database endpoint, which makes the faults of networks and of servers."""

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import Self

from servers import free_port

CHUNK = 65536

#: Neither a message of PostgreSQL or of TLS, nor text in UTF-8.
GARBAGE = b"\xff" * 64

#: Seconds after which the rig gives up a client that asks for a login and then says nothing.
LOGIN_TIMEOUT = 10

# PostgreSQL's protocol: a client that wants encryption asks for it first, by one of these codes.
SSL_REQUEST = 80877103
GSS_ENCRYPTION_REQUEST = 80877104

#: The error that a server answers to a login while it starts: its fields, each with a letter and ended by zero.
STARTING_UP = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"


class Welcome(Enum):
    """What meets a new connection."""

    #: It is connected to the upstream server.
    PASS = auto()
    #: Nobody listens.
    REFUSE = auto()
    #: It is accepted and closed.
    CLOSE = auto()
    #: It is accepted and read, and never answered.
    SILENCE = auto()
    #: It is answered with garbage and closed.
    GARBLE = auto()
    #: Its login is refused, as by a server that starts up.
    STARTING = auto()


class Flow(Enum):
    """What becomes of the bytes of a connection that is open."""

    #: They pass.
    PASS = auto()
    #: They wait in the buffers of the kernel: neither end is read.
    HOLD = auto()
    #: They are read and lost, in both directions.
    MUTE = auto()
    #: What the client sends passes; what the server answers is lost.
    SWALLOW = auto()


class Link:
    """One connection of a client, and the one to the upstream server that belongs to it."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.client.setblocking(False)
        self.server: socket.socket | None = None
        self.task: asyncio.Task[None] | None = None
        self.passes = asyncio.Event()
        self.set_flow(Flow.PASS)
        #: Whether an end has spoken, or left, while not everything passed.
        self.is_disturbed = False

    def set_flow(self, flow: Flow) -> None:
        self.flow = flow
        if flow is Flow.PASS:
            self.passes.set()
        else:
            self.passes.clear()

    def loses(self, is_answer: bool) -> bool:
        return self.flow is Flow.MUTE or (self.flow is Flow.SWALLOW and is_answer)

    async def connect(self, port: int) -> socket.socket:
        """Connect to the upstream server."""
        self.server = socket.socket()
        self.server.setblocking(False)
        await asyncio.get_running_loop().sock_connect(self.server, ("127.0.0.1", port))
        for end in (self.client, self.server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.server

    async def pump(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        """Carry bytes in one direction until one of the two ends."""
        while True:
            chunk = await received(source)
            self.is_disturbed |= self.flow is not Flow.PASS
            if self.flow is Flow.HOLD or (not chunk and self.loses(is_answer)):
                await self.passes.wait()
            if chunk and self.loses(is_answer):
                continue
            if not chunk or not await sent(target, chunk):
                return

    def end(self) -> None:
        """Close both ends, as soon as nothing uses them."""
        if self.task:
            self.task.cancel()

    def reset(self) -> None:
        """The same by RST, as a firewall does that has forgotten the connection."""
        for endpoint in self.endpoints:
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.end()

    def restore(self) -> None:
        if self.is_disturbed and self.flow in {Flow.MUTE, Flow.SWALLOW}:
            self.reset()
        else:
            self.set_flow(Flow.PASS)

    def close(self) -> None:
        for endpoint in self.endpoints:
            endpoint.close()

    @property
    def endpoints(self) -> list[socket.socket]:
        return [self.client, self.server] if self.server else [self.client]


async def received(source: socket.socket) -> bytes:
    """What has arrived; nothing when the other side has closed or reset the connection."""
    try:
        return await asyncio.get_running_loop().sock_recv(source, CHUNK)
    except OSError:
        return b""


async def sent(target: socket.socket, chunk: bytes) -> bool:
    """Whether the other side still takes bytes."""
    try:
        await asyncio.get_running_loop().sock_sendall(target, chunk)
    except OSError:
        return False
    return True


async def finish(*tasks: "asyncio.Task[None]") -> None:
    """Cancel these and wait for their end: only then may a socket that they use be closed."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


class Rig:
    """The proxy on a port of its own, in front of a server on this port of 127.0.0.1.

    It runs in a thread, inside a `with` block. Every thread may call its methods; when one returns, it has happened.
    Where the rig itself refuses a login, it shows this certificate.
    """

    def __init__(self, upstream: int, certificate: Path, private_key: Path) -> None:
        self.port = free_port()
        self.upstream = upstream
        #: Connections that were accepted so far.
        self.accepted = 0
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, private_key)
        self._welcome = Welcome.PASS
        self._links: set[Link] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    @property
    def open(self) -> int:
        """Connections that clients have open now."""
        return len(self._links)

    @property
    def disturbed(self) -> int:
        """Open connections on which an end has spoken, or left, while not everything passed."""
        return sum(link.is_disturbed for link in list(self._links))

    def welcome(self, welcome: Welcome) -> None:
        """From now on, meet new connections in this way."""
        asyncio.run_coroutine_threadsafe(self._set_welcome(welcome), self._loop).result()

    def disturb(self, flow: Flow) -> None:
        """Do this with the bytes of the connections that are open now; new ones are not disturbed."""
        self._each(lambda link: link.set_flow(flow))

    def inject(self) -> int:
        """Send garbage on the connections that are open now, as if the server had sent it, and say on how many."""
        return self._each(lambda link: send_at_once(link.client, GARBAGE))

    def end(self) -> int:
        """Close the connections that are open now, and say how many."""
        return self._each(Link.end)

    def reset(self) -> int:
        """Reset the connections that are open now, and say how many."""
        return self._each(Link.reset)

    def restore(self) -> None:
        """Let everything pass again. Connections that may have lost bytes are reset; silent ones stay silent."""
        self.welcome(Welcome.PASS)
        self._each(Link.restore)

    def _each(self, action: Callable[[Link], None]) -> int:
        """Do this with each connection, in the rig's thread."""

        async def done() -> int:
            for link in self._links:
                action(link)
            return len(self._links)

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self._listen()
        self._started.set()
        await self._stopped.wait()
        await self._set_welcome(Welcome.REFUSE)
        if tasks := [link.task for link in self._links if link.task]:
            await finish(*tasks)

    async def _set_welcome(self, welcome: Welcome) -> None:
        before, self._welcome = self._welcome, welcome
        if welcome is Welcome.REFUSE and before is not Welcome.REFUSE:
            await finish(self._accepting)
            self._listener.close()
        if before is Welcome.REFUSE and welcome is not Welcome.REFUSE:
            self._listen()

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.setblocking(False)
        self._accepting = asyncio.create_task(self._accept(self._listener))

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            client, _ = await asyncio.get_running_loop().sock_accept(listener)
            self.accepted += 1
            link = Link(client)
            self._links.add(link)
            link.task = asyncio.create_task(self._serve(link))
            # A task that is cancelled before it starts runs nothing of its own.
            link.task.add_done_callback(partial(self._forget, link))

    def _forget(self, link: Link, _: object) -> None:
        self._links.discard(link)
        link.close()

    async def _serve(self, link: Link) -> None:
        with suppress(OSError):
            match self._welcome:
                case Welcome.PASS:
                    await self._relay(link)
                case Welcome.SILENCE:
                    while await received(link.client):
                        link.is_disturbed = True
                case Welcome.GARBLE:
                    await received(link.client)
                    send_at_once(link.client, GARBAGE)
                case Welcome.STARTING:
                    await asyncio.to_thread(refuse_login, link.client, self._tls)

    async def _relay(self, link: Link) -> None:
        server = await link.connect(self.upstream)
        pumps = [
            asyncio.create_task(link.pump(link.client, server, is_answer=False)),
            asyncio.create_task(link.pump(server, link.client, is_answer=True)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await finish(*pumps)


def send_at_once(client: socket.socket, data: bytes) -> None:
    """Send without waiting: a client that has gone, or reads nothing, gets nothing."""
    with suppress(OSError):
        client.send(data)


def refuse_login(client: socket.socket, context: ssl.SSLContext) -> None:
    """Speak the protocol with a client up to its login, and answer that the server is starting up."""
    client.settimeout(LOGIN_TIMEOUT)
    while request_code(client) != SSL_REQUEST:
        client.sendall(b"N")
    client.sendall(b"S")
    with context.wrap_socket(client, server_side=True) as tls:
        tls.recv(CHUNK)
        tls.sendall(b"E" + struct.pack("!i", 4 + len(STARTING_UP)) + STARTING_UP)


def request_code(client: socket.socket) -> int:
    """The code of a request for encryption.

    Raises:
        ConnectionError: the client asked for something else, or has gone.
    """
    request = client.recv(8)
    code = int.from_bytes(request[4:])
    if code not in {SSL_REQUEST, GSS_ENCRYPTION_REQUEST}:
        raise ConnectionError(f"The client asked for no encryption: {request!r}")
    return code
