"""What Cloud Run's front end tells about a request."""

from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix


class FrontEnd(ProxyFix):
    """WSGI middleware around the whole application.

    The front end stands between every client and the service. It ends TLS, and says in X-Forwarded-Proto how the client
    called; URLs that the service makes begin with that. It appends the client's address to X-Forwarded-For, where all
    but the last address may be invented by the client.
    """

    def __init__(self, app: Any) -> None:
        super().__init__(app, x_for=1, x_proto=1)
