"""A contact sheet of suspicious images: each with its points, the flagged ones ringed, and what is said of it."""

from pathlib import Path

import cv2
import numpy as np

from landmarks.formats.survey import Film, Finding, Survey
from landmarks.geometry import cut_map
from landmarks.radiograph import ImageError, read_gray

_TILE, _TEXT, _COLUMNS, _MOST = 360, 54, 6, 72
_READER_COLOURS = ((80, 220, 80), (0, 190, 255), (255, 120, 220))  # BGR
_RING = (60, 60, 255)


def write_contact_sheet(survey: Survey, path: Path) -> None:
    """One tile for each flagged image of a finding, pairs side by side, as a PNG; no file where none is flagged."""
    by_id = {film.image_id: film for film in survey.films}
    tiles = []
    for finding in _chosen(survey.findings):
        shown = [by_id[name] for name in dict.fromkeys(finding.images) if name in by_id][:2]
        tiles += [_tile(survey, finding, film) for film in shown]
    if not tiles:
        return
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % _COLUMNS)
    rows = [np.hstack(tiles[i : i + _COLUMNS]) for i in range(0, len(tiles), _COLUMNS)]
    path.write_bytes(cv2.imencode(".png", np.vstack(rows))[1].tobytes())


def _chosen(findings: list[Finding]) -> list[Finding]:
    """As many as fit, taken in turn from each kind, so that one frequent kind does not hide the others."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.images:
            kinds.setdefault(finding.kind, []).append(finding)
    share = max(2, _MOST // max(1, len(kinds)))
    return [finding for group in kinds.values() for finding in group[:share]][:_MOST]


def _tile(survey: Survey, finding: Finding, film: Film) -> np.ndarray:
    canvas = np.zeros((_TILE + _TEXT, _TILE, 3), np.uint8)
    try:
        image = read_gray(film.path)
        left, top, side = _window(survey, finding, film, image.shape)
        scale = _TILE / side
        to_tile = cut_map((left, top), scale)
        if scale < 1:  # area first, or thin structures break up
            size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
            reduced = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            shift = np.array([[1, 0, -left * scale], [0, 1, -top * scale]])
            small = cv2.warpAffine(reduced, shift, (_TILE, _TILE))
        else:
            small = cv2.warpAffine(image, to_tile, (_TILE, _TILE), flags=cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR)
        canvas[:_TILE] = cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
        _draw_points(canvas, survey, finding, film, to_tile)
    except ImageError:
        cv2.line(canvas, (0, 0), (_TILE, _TILE), _RING, 2)
    _write(canvas, f"{finding.kind}: {film.split}", _TILE + 16)
    for number, line in enumerate((finding.text[:56], finding.text[56:112])):
        _write(canvas, line, _TILE + 32 + 15 * number)
    return canvas


def _window(survey: Survey, finding: Finding, film: Film, size: tuple[int, int]) -> tuple[float, float, float]:
    """Left, top and side of the square that is shown: the whole image, or the part around the flagged points."""
    symbols = survey.landmarks.symbols
    rows = [symbols.index(s) for s in finding.symbols if s in symbols]
    points = [p[rows] for p in film.readers.values()]
    points = np.concatenate(points) if points and rows else np.empty((0, 2))
    points = points[np.isfinite(points).all(axis=1)]
    whole = (size[1] - max(size)) / 2, (size[0] - max(size)) / 2, float(max(size))
    if not len(points) or (points < 0).any() or (points > np.array(size[::-1])).any():
        return whole
    side = max(0.4 * max(size), 1.6 * float(np.ptp(points, axis=0).max()))
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    return float(centre[0] - side / 2), float(centre[1] - side / 2), side


def _draw_points(canvas: np.ndarray, survey: Survey, finding: Finding, film: Film, to_tile: np.ndarray) -> None:
    for colour, (_, points) in zip(_READER_COLOURS, sorted(film.readers.items()), strict=False):
        for symbol, point in zip(survey.landmarks.symbols, points, strict=True):
            if not np.isfinite(point).all():
                continue
            x, y = (round(float(v)) for v in to_tile[:, :2] @ point + to_tile[:, 2])
            if not (0 <= x < _TILE and 0 <= y < _TILE):
                continue
            cv2.circle(canvas, (x, y), 2, colour, -1, cv2.LINE_AA)
            if symbol in finding.symbols:
                cv2.circle(canvas, (x, y), 9, _RING, 1, cv2.LINE_AA)
                cv2.putText(canvas, symbol, (x + 10, y - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)


def _write(canvas: np.ndarray, words: str, y: int) -> None:
    plain = words.encode("ascii", "replace").decode()
    cv2.putText(canvas, plain, (4, y), cv2.FONT_HERSHEY_SIMPLEX, 0.37, (255, 255, 255), 1, cv2.LINE_AA)
