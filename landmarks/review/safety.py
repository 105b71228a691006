"""Who may talk to the page, and how much: token, cookie, Host, Origin, headers, sizes and times. Plain ASGI."""

import asyncio
import hmac
import json
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from landmarks.review.fields import FieldError

JSON_BYTES = 512 << 10
UPLOAD_BYTES = 256 << 20
# A request of a local browser takes milliseconds; an upload, at the slowest, a minute or two.
JSON_SECONDS, UPLOAD_SECONDS = 20.0, 180.0
_UPLOADS_AT_ONCE = 4
_WRONG_PASSWORDS_A_MINUTE = 10

_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
     b"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)  # fmt: skip


class TooLargeError(Exception):
    """A body beyond its limit."""


async def read_json(request: Request) -> dict:
    """A request's body. Raises: FieldError where it is no JSON object."""
    try:
        found = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise FieldError("the body is no JSON") from error
    if not isinstance(found, dict):
        raise FieldError("the body is no JSON")
    return found


class Gate:
    """Lets in who knows the token (printed with the address) or the password; everything else is refused early."""

    def __init__(self, app, *, hosts: frozenset[str], token: str, cookie: str, password: str | None) -> None:
        """
        Args:
            hosts: accepted Host headers, with port; any other is a rebinding attempt.
            cookie: name of the session cookie.
        """
        self._app, self._hosts, self._token, self._cookie, self._password = app, hosts, token, cookie, password
        self._session = secrets.token_urlsafe(32)
        self._uploads = asyncio.Semaphore(_UPLOADS_AT_ONCE)
        self._wrong = 0
        self._minute = 0.0

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        send = _with_headers(send)
        refusal = self._refuse(scope, headers)
        if refusal is None and scope["path"] == "/login" and scope["method"] == "POST" and self._password is not None:
            await (await self._login(receive))(scope, receive, send)
        elif refusal is not None:
            await refusal(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    def _refuse(self, scope, headers: dict[bytes, str]) -> Response | None:
        """The answer to a request that gets no further; None for one that does."""
        if headers.get(b"host", "") not in self._hosts:
            return PlainTextResponse("this address is not served here", 421)
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return PlainTextResponse("method not allowed", 405)
        own = f"{scope['scheme']}://{headers[b'host']}"
        origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site", "same-origin")
        if scope["method"] == "POST" and (origin != own or site != "same-origin"):
            return PlainTextResponse("request from another site", 403)
        if origin not in (None, own):
            return PlainTextResponse("request from another site", 403)
        if self._knows_cookie(headers.get(b"cookie", "")):
            # the token leaves the address bar
            return RedirectResponse("/", 303) if b"token=" in scope["query_string"] else None
        given = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=8) if scope["path"] == "/" else {}
        if hmac.compare_digest(given.get("token", [""])[0].encode(), self._token.encode()):
            return self._welcome()
        if self._password is not None:
            if scope["path"] == "/login" and scope["method"] == "POST":
                return None
            if scope["path"] == "/":
                return Response(_LOGIN, media_type="text/html; charset=utf-8")
        return PlainTextResponse("open the address that the command has printed, with its token", 401)

    def _welcome(self) -> Response:
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self._cookie, self._session, httponly=True, samesite="strict", path="/")
        return answer

    def _knows_cookie(self, header: str) -> bool:
        try:
            found = SimpleCookie(header).get(self._cookie)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode(), self._session.encode())

    async def _login(self, receive) -> Response:
        loop_time = asyncio.get_running_loop().time()
        if loop_time - self._minute > 60:
            self._minute, self._wrong = loop_time, 0
        if self._wrong >= _WRONG_PASSWORDS_A_MINUTE:
            return PlainTextResponse("too many wrong passwords; wait a minute", 429)
        body, more = b"", True
        receive = _limited(receive, JSON_BYTES, loop_time + JSON_SECONDS)
        try:
            while more:
                message = await receive()
                body, more = body + message.get("body", b""), message.get("more_body", False)
        except (TooLargeError, TimeoutError, asyncio.TimeoutError):
            return PlainTextResponse("too large or too slow", 413)
        given = parse_qs(body.decode("latin-1"), max_num_fields=8).get("password", [""])[0]
        if hmac.compare_digest(given.encode("latin-1", "replace"), self._password.encode("utf-8")):
            return self._welcome()
        self._wrong += 1
        return Response(_LOGIN, 401, media_type="text/html; charset=utf-8")

    async def _serve(self, scope, receive, send) -> None:
        upload = scope["path"] == "/api/films" and scope["method"] == "POST"
        limit, seconds = (UPLOAD_BYTES, UPLOAD_SECONDS) if upload else (JSON_BYTES, JSON_SECONDS)
        stated = dict(scope["headers"]).get(b"content-length", b"0")
        if not stated.isdigit() or int(stated[:20]) > limit:
            await PlainTextResponse("too large", 413)(scope, receive, send)
            return
        if upload and self._uploads.locked():
            await PlainTextResponse("too many uploads at once; try again", 503)(scope, receive, send)
            return
        # the app answers TooLargeError and TimeoutError where it reads the body
        guarded = _limited(receive, limit, asyncio.get_running_loop().time() + seconds)
        if upload:
            async with self._uploads:
                await self._app(scope, guarded, send)
        else:
            await self._app(scope, guarded, send)


def _limited(receive, num_bytes: int, deadline: float):
    """`receive`, which ends a body that is too long or too slow; it waits without limit once the body is complete."""
    total, complete = 0, False

    async def limited():
        nonlocal total, complete
        if complete:
            message = await receive()
        else:
            left = deadline - asyncio.get_running_loop().time()
            message = await asyncio.wait_for(receive(), max(left, 0.001))
        total += len(message.get("body", b""))
        complete = complete or not message.get("more_body", False)
        if total > num_bytes:
            raise TooLargeError
        return message

    return limited


def _with_headers(send):
    async def sending(message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *_HEADERS]
        await send(message)

    return sending


_LOGIN = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Landmarks</title><h1>Landmarks</h1><form method="post" action="/login"><p><label>Password
<input type="password" name="password" autocomplete="current-password" required autofocus></label>
<button>Open</button></form></html>"""
