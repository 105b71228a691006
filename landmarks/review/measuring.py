"""Routes for what is computed from points: the table of one film, while they are dragged as well."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from landmarks.review import analysis
from landmarks.review.fields import SYMBOLS, FieldError, check_number
from landmarks.review.safety import read_json

_FAR_PX = 1e6


def routes() -> list[Route]:
    return [Route("/api/measure", measure, methods=["POST"])]


async def measure(request: Request) -> Response:
    """{points: {symbol: [x, y]}, scale: [sx, sy] or null, analysis, age, sex, radii: {symbol: px} or null}."""
    sent = await read_json(request)
    wanted = {
        "scale": checked_scale(sent.get("scale")),
        "name": str(sent.get("analysis"))[:40],
        "age": _optional("age", sent.get("age"), 0, 120),
        "sex": sent.get("sex") if sent.get("sex") in ("f", "m") else None,
        "radii": None,
    }
    radii = sent.get("radii")
    if isinstance(radii, dict):
        wanted["radii"] = {
            symbol: check_number("radii", value, 0, _FAR_PX) for symbol, value in radii.items() if symbol in SYMBOLS
        }
    found = await run_in_threadpool(analysis.analyse, checked_points(sent.get("points")), **wanted)
    return JSONResponse(found)


def checked_points(points: object) -> dict[str, tuple[float, float]]:
    """Raises: FieldError."""
    if not isinstance(points, dict) or len(points) > len(SYMBOLS):
        raise FieldError("points: send x and y by symbol")
    checked = {}
    for symbol, point in points.items():
        if symbol not in SYMBOLS or not isinstance(point, list) or len(point) != 2:
            raise FieldError("points: send x and y by symbol")
        checked[symbol] = tuple(check_number("points", value, -_FAR_PX, _FAR_PX) for value in point)
    return checked


def checked_scale(scale: object) -> tuple[float, float] | None:
    """Raises: FieldError."""
    if scale is None:
        return None
    if not isinstance(scale, list) or len(scale) != 2:
        raise FieldError("scale: send sx and sy")
    return tuple(check_number("scale", value, 0.001, 10) for value in scale)


def _optional(field: str, value: object, low: float, high: float) -> float | None:
    return None if value is None else check_number(field, value, low, high)
