"""The page's web server: routes behind the gate, bounded in connections, on the loopback address unless told otherwise."""

import logging
import signal
import socket
from importlib import resources
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from landmarks.review import api, leaving, measuring, runapi
from landmarks.review.child import FilmError
from landmarks.review.fields import FieldError
from landmarks.review.page import Page
from landmarks.review.safety import Gate, TooLargeError
from landmarks.review.store import ConflictError, UnsavedError

log = logging.getLogger(__name__)

_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
_CONNECTIONS = 256
_HEADER_SECONDS = 10.0


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection which sends no whole request head in time."""

    def connection_made(self, transport) -> None:
        super().connection_made(transport)
        self.loop.call_later(_HEADER_SECONDS, self._close_if_silent)

    def _close_if_silent(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


def build_app(page: Page, *, hosts: frozenset[str], token: str, cookie: str, password: str | None = None) -> Gate:
    """The whole page as an ASGI application."""
    app = Starlette(
        routes=[*_static_routes(), *api.routes(), *measuring.routes(), *leaving.routes(), *runapi.routes()],
        exception_handlers={
            FieldError: _refused(400),
            FilmError: _refused(422),
            ValueError: _refused(400),
            KeyError: _refused(404, "there is no such case, run or model"),
            FileNotFoundError: _refused(404, "the film is no longer in the folder"),
            ClientDisconnect: _refused(400, "the upload was broken off"),
            OverflowError: _refused(400, "a number is too large"),
            TooLargeError: _refused(413, "too large"),
            TimeoutError: _refused(408, "too slow"),
            ImportError: _refused(400),
            UnsavedError: _refused(507),
            OSError: _refused(507),
            ConflictError: _conflict,
        },
    )
    app.state.page = page
    return Gate(app, hosts=hosts, token=token, cookie=cookie, password=password)


def _refused(status: int, words: str | None = None):
    def answer(_request: Request, error: Exception) -> Response:
        return JSONResponse({"error": words or str(error)}, status)

    return answer


def _conflict(_request: Request, error: ConflictError) -> Response:
    return JSONResponse({"error": "changed elsewhere", "fields": error.fields}, 409)


def _static_routes() -> list[Route]:
    """The packaged files, each a route: no path of a request is ever joined to a folder."""
    routes = []
    for file in resources.files("landmarks.review").joinpath("static").iterdir():
        kind = _TYPES.get(Path(file.name).suffix)
        if kind:
            address = "/" if file.name == "index.html" else f"/static/{file.name}"
            routes.append(Route(address, _static(file.read_bytes(), kind)))
    return routes


def _static(content: bytes, kind: str):
    async def answer(_request: Request) -> Response:  # no thread: there is nothing to wait for
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

    return answer


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises: ValueError where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ValueError(f"port {port}: {error.strerror}; choose another with --port") from error
    # connections wait from now on: the address may be opened as soon as it is printed
    bound.listen(256)
    return bound


def serve(app: Gate, bound: socket.socket, page: Page) -> None:
    """Answer until the process is told to end."""
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        backlog=256,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=3,
        h11_max_incomplete_event_size=32 << 10,
    )
    # a flood of refused requests is no flood of log lines
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    # a polite end by any means: uvicorn repeats the signal once it has stopped
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _Server(config, page).run(sockets=[bound])


class _Server(uvicorn.Server):
    """Ends the event streams first: a browser window would hold the server open."""

    def __init__(self, config: uvicorn.Config, page: Page) -> None:
        super().__init__(config)
        self._page = page

    def handle_exit(self, sig, frame) -> None:
        self._page.hub.end()
        super().handle_exit(sig, frame)


def page_address(host: str, port: int, token: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/?token={token}"
