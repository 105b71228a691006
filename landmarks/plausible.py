"""Points that no head has there: found by the shape model, and placed again by other peaks of their map or by the others.

Shapes: N films, K landmarks. Points are (x, y) in source px. A confident point is never moved.
"""

from collections.abc import Callable
from dataclasses import fields

import numpy as np

from landmarks.prediction import Prediction
from landmarks.shape import ENOUGH_LANDMARKS, ShapeModel, Similarity

# Chosen on held-out films of ISBI's training images and on the nine films of another device (docs/results/robustness.md).
# A peak from this height on is confident, whatever the shape says of its point.
CONFIDENT_PEAK = 0.8
# A point is implausible from this many standard deviations and this many mm on; the higher its peak, the more of them.
_FAR_SD, _FAR_SD_OF_PEAK, _FAR_MM = 3.0, 3.0, 6.0
# Error of a point along an axis, in standard deviations of the trained Gaussian, at a peak of 1.
_NOISE = 0.25
# Standard deviations of where a head stands after alignment: of its shift, and of its rotation (radians) and size.
_POSE_MM, _POSE_SHARE = 10.0, 0.1
# A further peak of the map is taken within this many standard deviations of where the others put the landmark.
_NEAR_SD, _LEAST_PEAK = 3.0, 0.03
_NUM_CANDIDATES = 5
# Pixels of one peak, in standard deviations of the trained Gaussian: beyond them lies the next one.
_PEAK_RADIUS = 3.7


def place_again(
    model: ShapeModel, symbols: tuple[str, ...], found: Prediction, candidates: Callable[[int, int], Prediction]
) -> Prediction:
    """The prediction with its implausible points placed again; all others stay as they are, bit for bit.

    Args:
        model: of some or all of the K landmarks; of fewer than five, nothing is moved.
        symbols: of the K landmarks.
        candidates: the highest peaks of the map of (film, landmark), as a prediction of one film with a landmark a peak.
            It is asked for implausible points alone.

    Example:
        found = place_again(shape, landmarks.symbols, found, lambda film, k: decode(single_peaks(maps[film, k], sigma)))
    """
    columns = [k for k, symbol in enumerate(symbols) if symbol in model.symbols]
    if len(columns) < ENOUGH_LANDMARKS:
        return found
    model = model.select(tuple(symbols[k] for k in columns))
    found = Prediction(**{field.name: getattr(found, field.name).copy() for field in fields(found)})
    for film in range(len(found)):
        peaks = found.peaks[film, columns]
        head = _Head(model, found.points_px[film, columns], peaks, found.target_px[film])
        doubtful = ~head.kept & (peaks < CONFIDENT_PEAK)
        if head.kept.sum() < max(ENOUGH_LANDMARKS, len(columns) / 2):
            continue  # a film on which most points disagree shows no head that this model knows
        for row in np.flatnonzero(doubtful):
            _place_one(found, (film, columns[row]), model, head, row, candidates(film, columns[row]))
    return found


def _place_one(found: Prediction, at: tuple[int, int], model: ShapeModel, head: "_Head", row: int, others: Prediction) -> None:
    """Puts the landmark at (film, landmark), in place, on another peak of its map, or where the kept landmarks put it."""
    means, covariance = _noisy(model, head.noise_mm * head.kept).expect(head.points_mm[None], np.flatnonzero(head.kept), row)
    expected = means[0]
    best = _best(head.placed.apply(others.points_px * head.facing)[0], others.peaks[0], expected, covariance)
    if best is not None:
        for field in ("points_px", "peaks", "spread_px"):
            getattr(found, field)[at] = getattr(others, field)[0, best]
        return
    spread = np.sqrt(np.linalg.eigvalsh(covariance)[-1]) / head.placed.mm_per_px[0]
    found.points_px[at] = head.placed.back(expected[None, None])[0, 0] * head.facing
    found.peaks[at], found.spread_px[at], found.outside[at], found.inferred_px[at] = 0, spread, 1, spread


class _Head:
    """The points of one film, and which of them agree with each other."""

    def __init__(self, model: ShapeModel, points_px: np.ndarray, peaks: np.ndarray, target_px: float) -> None:
        self._model, self._trust = model, np.clip(peaks, 0.05, 1)
        self.facing = model.facing(points_px, self._trust)
        self._points = points_px * self.facing
        self.kept = np.ones(len(peaks), bool)
        self.placed = self._place()
        self.noise_mm = _NOISE * target_px * self.placed.mm_per_px[0] / np.clip(peaks, 0.1, 1)
        self._noisy, self._limit = _noisy(model, self.noise_mm), _FAR_SD + _FAR_SD_OF_PEAK * peaks
        if self._far().max() > 1:
            self._find_agreeing(peaks)

    @property
    def points_mm(self) -> np.ndarray:
        """[K, 2] in the model's frame."""
        return self.placed.apply(self._points[None])[0]

    def _place(self) -> Similarity:
        return self._model.place(self._points[None], (self._trust * self.kept)[None])

    def _far(self) -> np.ndarray:
        """[K]: above 1 where a point is too far from where the kept ones put it; the higher its peak, the further that is."""
        deviation, size = self._noisy.surprise(self.points_mm[None], self.kept[None])
        return np.where(np.linalg.norm(deviation[0], axis=1) > _FAR_MM, np.sqrt(size[0]) / self._limit, 0)

    def _find_agreeing(self, peaks: np.ndarray) -> None:
        half = max(ENOUGH_LANDMARKS, (len(peaks) + 1) // 2)
        highest = np.isin(np.arange(len(peaks)), np.argsort(-peaks, kind="stable")[:half])
        # several misplaced points hide each other among all; among the highest peaks there are fewer of them
        for start in (highest, np.ones(len(peaks), bool)):
            self.kept = start
            for _ in range(2 * len(peaks)):
                self.placed = self._place()
                far = self._far()
                worst, fits = int(np.argmax(far * self.kept)), (far <= 1) & ~self.kept
                if far[worst] > 1 and self.kept[worst] and self.kept.sum() > ENOUGH_LANDMARKS:
                    self.kept[worst] = False
                elif fits.any():
                    self.kept = self.kept | fits
                else:
                    break
            if self.kept.sum() >= half:
                break


def _noisy(model: ShapeModel, noise_mm: np.ndarray) -> ShapeModel:
    """The model of heads that stand anyhow, their points placed with this noise [K].

    Some points alone do not place a head as all of them do, and the model knows heads that all points have placed: the
    first order of a shift, a rotation and a scale is left free.
    """
    centred = model.mean - model.mean.mean(axis=0)
    shift_x, shift_y = np.zeros_like(centred), np.zeros_like(centred)
    shift_x[:, 0], shift_y[:, 1] = _POSE_MM, _POSE_MM
    turned = centred[:, ::-1] * (-1, 1)
    pose = np.stack([shift_x, shift_y, _POSE_SHARE * turned, _POSE_SHARE * centred]).reshape(4, -1)
    return ShapeModel(model.symbols, model.mean, model.covariance + pose.T @ pose + np.diag(np.repeat(noise_mm**2, 2)))


def single_peaks(map_HW: np.ndarray, sigma: float) -> np.ndarray:
    """A map's highest peaks, each alone in a map of its own: [H, W] -> [C, H, W], highest first, C from 1 to 5.

    Args:
        sigma: standard deviation of the trained Gaussian, heatmap px; it sets how far a peak reaches.
    """
    rest, apart = map_HW.copy(), []
    y, x = np.ogrid[: map_HW.shape[0], : map_HW.shape[1]]
    for _ in range(_NUM_CANDIDATES):
        row, column = np.unravel_index(int(rest.argmax()), rest.shape)
        if rest[row, column] <= 0:
            break
        near = (y - row) ** 2 + (x - column) ** 2 <= (_PEAK_RADIUS * sigma) ** 2
        apart.append(np.where(near, rest, 0))
        rest[near] = 0
    return np.stack(apart) if apart else map_HW[None]


def _best(points_mm: np.ndarray, peaks: np.ndarray, expected: np.ndarray, covariance: np.ndarray) -> int | None:
    """The candidate that peak and shape together make likeliest; None where none is near enough."""
    offset = points_mm - expected
    distance = np.einsum("ci,ij,cj->c", offset, np.linalg.inv(covariance), offset)
    score = np.log(np.maximum(peaks, 1e-6)) - distance / 2
    score[(distance > _NEAR_SD**2) | (peaks < _LEAST_PEAK)] = -np.inf
    best = int(np.argmax(score))
    return best if np.isfinite(score[best]) else None
