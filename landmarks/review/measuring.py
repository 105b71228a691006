"""Routes for what is computed from points: the table of one film, while they are dragged as well."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from landmarks.review import analysis
from landmarks.review.fields import SYMBOLS, FieldError, check_number
from landmarks.review.safety import read_json
from landmarks.tracing import Tracing
from landmarks.tracing.points import SCALE_ORIGINS

_FAR_PX = 1e6


def routes() -> list[Route]:
    return [Route("/api/measure", measure, methods=["POST"])]


async def measure(request: Request) -> Response:
    """{points: {symbol: [x, y]}, scale: [sx, sy] or null, origin, analysis, age, sex, live, drawn, coverage,
    radii: {symbol: px or null} or null}."""
    sent = await read_json(request)
    found = await run_in_threadpool(
        analysis.analyse,
        checked_tracing(sent),
        name=str(sent.get("analysis"))[:40],
        age=_optional("age", sent.get("age"), 0, 120),
        sex=sent.get("sex") if sent.get("sex") in ("f", "m") else None,
        coverage=_optional("coverage", sent.get("coverage"), 0.5, 0.999),
        live=sent.get("live") is True,
        drawn=sent.get("drawn") is not False,
    )
    return JSONResponse(found)


def checked_tracing(sent: dict) -> Tracing:
    """Raises: FieldError."""
    radii, origin = sent.get("radii"), sent.get("origin")
    if radii is not None and not isinstance(radii, dict):
        raise FieldError("radii: send px by symbol")
    known = None
    if radii is not None:
        known = {name: _optional("radii", value, 0, _FAR_PX) for name, value in radii.items() if name in SYMBOLS}
    return analysis.make_tracing(
        checked_points(sent.get("points")),
        checked_scale(sent.get("scale")),
        origin if origin in SCALE_ORIGINS else "unknown",
        known,
    )


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
