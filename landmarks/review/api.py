"""Cases for the browser: list, one film, changes, uploads, queue. Every value that comes in is checked by fields.py."""

import asyncio
import hashlib
import secrets
from pathlib import PurePosixPath
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from landmarks.review import analysis, exports
from landmarks.review.fields import MAX_NAME, FieldError, check_change, clean_text
from landmarks.review.folder import keep_upload
from landmarks.review.page import Page
from landmarks.review.safety import read_json

_KINDS = ("move", "place", "remove", "hide", "show", "reset", "replace", "undo", "redo", "scale", "note", "sign", "reopen",
          "stage", "patient", "keep", "confirm")  # fmt: skip
_MOST_CHANGES = 400
_NOT_KEPT = {"cache-control": "no-store"}


def routes() -> list[Route]:
    return [
        Route("/api/start", start),
        Route("/api/cases", cases),
        Route("/api/cases/{case:int}", one_case),
        Route("/api/cases/{case:int}/pixels", pixels),
        Route("/api/cases/{case:int}/thumbnail", thumbnail),
        Route("/api/cases/{case:int}/picture", picture),
        Route("/api/cases/{case:int}/actions", act, methods=["POST"]),
        Route("/api/films", upload, methods=["POST"]),
        Route("/api/scan", rescan, methods=["POST"]),
        Route("/api/predict", predict, methods=["POST"]),
        Route("/api/cancel", cancel, methods=["POST"]),
        Route("/api/events", events),
    ]


def page_of(request: Request) -> Page:
    return request.app.state.page


def start(request: Request) -> Response:
    """What a window needs once."""
    page = page_of(request)
    page.library.warm_up()
    return JSONResponse(
        {"version": page.version, "model": page.model_name, "analyses": page.analyses, "landmarks": analysis.titles(),
         "queue": page.queue.progress(), "formats": exports.formats(), "adapt": page.adapting.progress},
        headers=_NOT_KEPT,
    )  # fmt: skip


def cases(request: Request) -> Response:
    return JSONResponse(page_of(request).store.summaries("ORDER BY c.id"), headers=_NOT_KEPT)


def one_case(request: Request) -> Response:
    page, case = page_of(request), request.path_params["case"]
    _, film = page.library.open(case)
    store = page.store
    with store.snapshot():
        found = {"case": store.summary(case), "film": film, "facts": store.facts(case), "history": store.history(case)}
    return JSONResponse(found)


class _Pixels(FileResponse):
    """Several MB in few pieces: each piece goes through a thread."""

    chunk_size = 2 << 20


def pixels(request: Request) -> Response:
    local = request.query_params.get("contrast") == "local"
    file = page_of(request).library.pixels(request.path_params["case"], local_contrast=local)
    return _Pixels(file, media_type="application/octet-stream", headers={"cache-control": "no-store"})


def thumbnail(request: Request) -> Response:
    file = page_of(request).library.thumbnail(request.path_params["case"])
    return FileResponse(file, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})


def picture(request: Request) -> Response:
    return FileResponse(page_of(request).library.picture(request.path_params["case"]), media_type="image/jpeg")


async def act(request: Request) -> Response:
    """One action by hand: {kind, who, window, changes: [{field, value, seen}], reverses}."""
    sent = await read_json(request)
    return JSONResponse(await run_in_threadpool(_act, page_of(request), request.path_params["case"], sent))


def _act(page: Page, case: int, sent: dict) -> dict:
    kind, who, window, changes = (sent.get(key) for key in ("kind", "who", "window", "changes"))
    if kind not in _KINDS:
        raise FieldError(f"kind: send one of {', '.join(_KINDS)}")
    who, window = clean_text("who", who, MAX_NAME).strip(), clean_text("window", window, 64)
    if not isinstance(changes, list) or not 0 < len(changes) <= _MOST_CHANGES:
        raise FieldError(f"changes: send a list of 1 to {_MOST_CHANGES}")
    facts = page.store.facts(case)
    known = frozenset(field[5:] for field in facts if field.startswith("auto/"))
    checked, seen = {}, {}
    for change in changes:
        if not isinstance(change, dict) or not isinstance(change.get("field"), str):
            raise FieldError("changes: send field, value and seen of each")
        field, last = change["field"], change.get("seen", 0)
        if isinstance(last, bool) or not isinstance(last, int):
            raise FieldError("seen: send the number of an action")
        checked[field], seen[field] = check_change(field, change.get("value"), known=known), last
    signed = facts.get("signed", {}).get("value")
    if signed and set(checked) - {"signed", "note"}:
        raise FieldError("signed: reopen the case before you change it")
    reverses = sent.get("reverses")
    if reverses is not None and reverses not in {action["id"] for action in page.store.history(case)}:
        raise FieldError("reverses: no action of this case")
    return page.store.record(
        case, who=who, source="hand", kind=kind, changes=checked, seen=seen, reverses=reverses, window=window
    )


async def upload(request: Request) -> Response:
    """A film as the body; its name, percent-encoded, in X-File-Name: a title, never a path."""
    page = page_of(request)
    title = clean_text("name", unquote(request.headers.get("x-file-name", "film")), 4096)
    title = PurePosixPath(title.replace("\\", "/")).name[:MAX_NAME] or "film"
    films = page.store.home / "films"
    films.mkdir(exist_ok=True)
    part, digest = films / f".{secrets.token_hex(8)}.part", hashlib.sha256()
    try:
        with part.open("wb") as file:
            async for block in request.stream():
                digest.update(block)
                await run_in_threadpool(file.write, block)
        case, new = await run_in_threadpool(keep_upload, page.store, part, title, digest.hexdigest())
    finally:
        part.unlink(missing_ok=True)
    summary = page.store.summary(case)
    if new:
        page.store.tell({"event": "case", "summary": summary})
    return JSONResponse({"case": summary, "new": new})


def rescan(request: Request) -> Response:
    page = page_of(request)
    added = page.scan()
    if added:
        page.store.tell({"event": "list"})
    return JSONResponse({"added": added})


async def predict(request: Request) -> Response:
    """{cases: [ids]} into the queue."""
    sent = await read_json(request)
    wanted = sent.get("cases")
    if not isinstance(wanted, list) or not all(isinstance(case, int) for case in wanted):
        raise FieldError("cases: send a list of numbers")
    page = page_of(request)
    known = {row["id"] for row in page.store.rows("SELECT id FROM cases WHERE missing = 0")}
    added = await run_in_threadpool(page.queue.add, [case for case in wanted if case in known])
    return JSONResponse({"added": added})


def cancel(request: Request) -> Response:
    page_of(request).queue.cancel()
    return JSONResponse({})


async def events(request: Request) -> Response:
    hub = page_of(request).hub
    if hub.full():
        return Response("too many windows", 503)
    await asyncio.sleep(0)
    return StreamingResponse(hub.listen(), media_type="text/event-stream", headers={"cache-control": "no-store"})
