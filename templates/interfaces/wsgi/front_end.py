"""What Cloud Run's front end tells about a request."""

from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix


class FrontEnd(ProxyFix):
    """WSGI middleware around the whole application.

    Every request comes through the front end. It ends TLS and says in X-Forwarded-Proto which scheme the client used;
    the URLs that the service makes begin with this scheme. It appends the client's address to X-Forwarded-For. The
    client may invent all addresses but the last one.
    """

    def __init__(self, app: Any) -> None:
        super().__init__(app, x_for=1, x_proto=1)
