"""A tracing as SVG: outlines, planes, points with their radii; in the film's pixels or in millimetres."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from landmarks.tracing.outlines import outlines
from landmarks.tracing.points import Tracing

# Planes reach beyond their landmarks by this share of their length, and at least so many mm.
_OVERSHOOT, _LEAST_MM = 0.10, 6.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """Colours; every line has a halo, so that it reads on light and dark, in colour and in black and white."""

    outline: str
    plane: str
    point: str
    corrected: str
    halo: str


ON_FILM = Style(outline="#ffffff", plane="#ffd84d", point="#c4f1ff", corrected="#ff9d5c", halo="#000000")
ON_PAPER = Style(outline="#444444", plane="#0b5fa5", point="#000000", corrected="#b84a00", halo="#ffffff")


def tracing_group(
    film: Tracing,
    planes: Sequence[tuple[str, str]] = (),
    *,
    style: Style = ON_FILM,
    in_mm: bool = False,
    labels: bool = True,
    radii: bool = True,
    dashed: bool = False,
) -> str:
    """The drawing as one SVG <g>, in source px or, with `in_mm`, in mm of the film.

    Args:
        planes: lines through two points each, as analyses.PLANES has them; those with unknown landmarks are left out.
        radii: whether circles show each point's radius.
        dashed: all outlines, for a second film over a first.

    Example:
        group = tracing_group(film, [PLANES["S-N"], PLANES["Frankfort"]], style=ON_PAPER)
    """
    frame = film.aspect if in_mm else np.ones(2)
    curves, per_mm = outlines(film)
    per_mm = (per_mm or _spread(film)) / (1.0 if in_mm else float(np.sqrt(film.aspect.prod())))
    parts = [f'<g class="tracing" fill="none" stroke-linecap="round" stroke-linejoin="round" font-size="{3.2 * per_mm:.2f}">']
    for curve in curves:
        dash = f' stroke-dasharray="{1.2 * per_mm:.2f} {1.6 * per_mm:.2f}"' if curve.dashed or dashed else ""
        parts.append(
            _path(curve.points_px * frame, f'data-curve="{curve.name}"{dash}', style.outline, style.halo, 0.35 * per_mm)
        )
    for first, last in planes:
        if (ends := _ends(film, first, last)) is not None:
            line = _extended(ends * frame, _LEAST_MM * per_mm)
            parts.append(_path(line, f'data-plane="{escape(first)} {escape(last)}"', style.plane, style.halo, 0.3 * per_mm))
    parts += _points(film, frame, style, per_mm, labels=labels, radii=radii)
    return "\n".join([*parts, "</g>"])


def tracing_svg(film: Tracing, planes: Sequence[tuple[str, str]] = (), *, style: Style = ON_PAPER, in_mm: bool = True) -> str:
    """A complete SVG file, cut to the drawing; 1:1 in print where the film's millimetres are known.

    Raises: ValueError where the film has no known landmark.
    """
    if not film.known:
        raise ValueError(f"{film.name}: no landmark is known, nothing to draw")
    in_mm = in_mm and film.pixel_size is not None
    frame = film.aspect if in_mm else np.ones(2)
    everything = [np.array([film[s] for s in film.known]), *(curve.points_px for curve in outlines(film)[0])]
    everything = np.vstack(everything) * frame
    margin = 0.06 * float(np.ptp(everything, axis=0).max()) + 1e-6
    (x, y), (w, h) = everything.min(axis=0) - margin, np.ptp(everything, axis=0) + 2 * margin
    size = f' width="{w:.2f}mm" height="{h:.2f}mm"' if in_mm and film.has_lengths else ""
    group = tracing_group(film, planes, style=style, in_mm=in_mm)
    return f'<svg xmlns="http://www.w3.org/2000/svg"{size} viewBox="{x:.2f} {y:.2f} {w:.2f} {h:.2f}">\n{group}\n</svg>\n'


def _spread(film: Tracing) -> float:
    """Units a mm where too few landmarks are known for outlines: their spread over a head's 60 mm."""
    points = film.points_mm[np.isfinite(film.points_mm).all(axis=1)]
    return max(float(np.ptp(points, axis=0).max()) / 60, 1e-3) if len(points) else 1.0


def _ends(film: Tracing, first: str, last: str) -> np.ndarray | None:
    symbols = [point.split("+") for point in (first, last)]
    if not {s for group in symbols for s in group} <= set(film.known):
        return None
    return np.array([np.mean([film[s] for s in group], axis=0) for group in symbols])


def _extended(ends: np.ndarray, least: float) -> np.ndarray:
    along = ends[1] - ends[0]
    length = float(np.hypot(*along)) or 1.0
    extra = along / length * max(_OVERSHOOT * length, least)
    return np.array([ends[0] - extra, ends[1] + extra])


def _path(points: np.ndarray, more: str, colour: str, halo: str, width: float) -> str:
    d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    halo_path = f'<path d="{d}" stroke="{halo}" stroke-width="{2.6 * width:.2f}" stroke-opacity="0.55"/>'
    return f'{halo_path}<path d="{d}" {more} stroke="{colour}" stroke-width="{width:.2f}"/>'


def _points(film: Tracing, frame: np.ndarray, style: Style, per_mm: float, *, labels: bool, radii: bool) -> list[str]:
    centre = np.mean([film[s] for s in film.known], axis=0) * frame if film.known else np.zeros(2)
    parts = []
    for k, symbol in enumerate(film.symbols):
        if symbol not in film.known:
            continue
        x, y = film.points_px[k] * frame
        colour = style.corrected if symbol in film.corrected else style.point
        radius = film.radius_px[k] * float(np.sqrt(frame.prod())) if radii and film.radius_px is not None else np.nan
        name = escape(symbol)
        if np.isfinite(radius) and radius > 0:
            look = f'stroke="{colour}" stroke-width="{0.15 * per_mm:.2f}" stroke-opacity="0.7"'
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" {look}/>')
        size = 0.6 * per_mm
        mark = f'fill="{colour}" stroke="{style.halo}" stroke-width="{0.2 * per_mm:.2f}" data-symbol="{name}"'
        if symbol in film.corrected:  # square: tells corrected points without colour
            parts.append(f'<rect x="{x - size:.1f}" y="{y - size:.1f}" width="{2 * size:.1f}" height="{2 * size:.1f}" {mark}/>')
        else:
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:.2f}" {mark}/>')
        if labels:
            away = np.array([x, y]) - centre
            dx, dy = away / (float(np.hypot(*away)) or 1.0) * 2.2 * per_mm
            anchor = "start" if dx >= 0 else "end"
            parts.append(f'<text x="{x + dx:.1f}" y="{y + dy + 1.1 * per_mm:.1f}" text-anchor="{anchor}" fill="{colour}" '
                         f'stroke="{style.halo}" stroke-width="{0.5 * per_mm:.2f}" paint-order="stroke" '
                         f'font-family="sans-serif">{name}</text>')  # fmt: skip
    return parts
