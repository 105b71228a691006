"""Routes for exports and for what is computed from two films or from the shape of the others."""

import shutil
import tempfile
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from landmarks.review import dates, exports
from landmarks.review.fields import FieldError
from landmarks.review.measuring import checked_points
from landmarks.review.page import Page
from landmarks.review.reshape import place_by_shape
from landmarks.review.safety import read_json


def routes() -> list[Route]:
    return [
        Route("/api/export", export, methods=["POST"]),
        Route("/api/reshape", reshape, methods=["POST"]),
        Route("/api/superimpose", superimpose, methods=["POST"]),
    ]


async def export(request: Request) -> Response:
    """{format, cases: [ids]} -> a file."""
    sent, page = await read_json(request), request.app.state.page
    if sent.get("format") not in exports.formats():
        raise FieldError(f"format: send one of {', '.join(exports.formats())}")
    wanted = sent.get("cases")
    if not isinstance(wanted, list) or not wanted or not all(isinstance(case, int) for case in wanted):
        raise FieldError("cases: send a list of numbers")
    known = {row["case_id"] for row in page.store.rows("SELECT DISTINCT case_id FROM facts WHERE field LIKE 'point/%'")}
    cases = sorted(known.intersection(wanted))
    if not cases:
        raise FieldError("no landmarks: predict or place them first")
    folder = Path(tempfile.mkdtemp(prefix="export-", dir=page.store.home))
    try:
        file = await run_in_threadpool(_write, page, sent["format"], cases, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    clean = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(file, filename=file.name, background=clean)


def _write(page: Page, name: str, cases: list[int], folder: Path) -> Path:
    if name in exports.TABLES:
        return exports.write_tables(page.store, cases, name, folder)
    return exports.write_set(page.store, cases, name, folder, lambda case: page.library.png(case).read_bytes())


async def reshape(request: Request) -> Response:
    """{points: {symbol: [x, y]}, symbols: [those to place]} -> {points: {symbol: [x, y]}}."""
    sent = await read_json(request)
    points, wanted = checked_points(sent.get("points")), sent.get("symbols")
    if not isinstance(wanted, list) or not all(isinstance(symbol, str) for symbol in wanted):
        raise FieldError("symbols: send a list")
    return JSONResponse({"points": await run_in_threadpool(place_by_shape, points, wanted)})


async def superimpose(request: Request) -> Response:
    """{first, second, reference}: the second case's points in the first film, movements and changes."""
    sent = await read_json(request)
    first, second = sent.get("first"), sent.get("second")
    if not isinstance(first, int) or not isinstance(second, int) or sent.get("reference") not in dates.REFERENCES:
        raise FieldError(f"send first, second and reference, one of {', '.join(dates.REFERENCES)}")
    return JSONResponse(await run_in_threadpool(dates.compare, request.app.state.page.store, first, second, sent["reference"]))
