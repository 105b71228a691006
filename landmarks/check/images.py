"""Image files that cannot be used, and images that are in a data set twice."""

import hashlib
import itertools
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import BinaryIO

import cv2
import numpy as np

from landmarks.check.alike import near_pairs
from landmarks.check.views import check_negatives
from landmarks.data.packfile import progress
from landmarks.data.resources import usable_cores
from landmarks.formats.survey import Film, Survey
from landmarks.radiograph import ImageError, read_radiograph
from landmarks.radiograph.gray import histogram

# Measured on ISBI 2015: after alignment two images of one exposure correlate by 0.98 or more (recompressed, brighter,
# resized, cropped by 3 %; 0.91 to 0.96 when cropped by 8 %), those of two patients by 0.88 at most.
_SAME_EXPOSURE = 0.93
_SURELY_SAME = 0.985
_SMALL, _LARGE = 32, 160
# What a reader tells of whole sets, no defect of a file.
_USUAL = ("pixel size:", "gray values from")
# The middle 98 % of the gray values span 176 levels or more in 59 real cephalograms (ISBI 2015, Aariz).
_LEAST_CONTRAST = 20


@dataclass(slots=True)
class _Looks:
    """What is kept of an image, so that all can be compared with all."""

    film: Film
    digest: str
    small: np.ndarray
    """float32 [32 * 32], of unit length: local contrast, so that brightness does not count."""
    number: int
    """Of the larger picture in the file that holds them all."""
    contrast: float
    """Gray levels between the 1 % and the 99 % point."""
    warnings: tuple[str, ...]
    """What its reader says of the file alone."""


def check_images(survey: Survey) -> None:
    """Reads every image once: fills in sizes, reports broken, identical and near-identical files."""
    with tempfile.TemporaryFile() as file:
        _check_images(survey, _Pictures(file))


class _Pictures:
    """The larger pictures of all images by number, in a file: 100,000 are 2.6 GB, of which only those of pairs are read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._lock = file, threading.Lock()

    def put(self, number: int, picture: np.ndarray) -> None:
        """uint8 [160, 160]."""
        with self._lock:
            self._file.seek(number * picture.size)
            self._file.write(picture.tobytes())

    def get(self, number: int) -> np.ndarray:
        """Its local contrast, float32 [160, 160]."""
        size = _LARGE * _LARGE
        with self._lock:
            self._file.seek(number * size)
            content = self._file.read(size)
        return _local_contrast(np.frombuffer(content, dtype=np.uint8).reshape(_LARGE, _LARGE), 10)


def _check_images(survey: Survey, larges: _Pictures) -> None:
    found: list[_Looks] = []
    thumbnails = np.empty((len(survey.films), _SMALL * _SMALL), dtype=np.float32)
    with ThreadPoolExecutor(usable_cores()) as pool, progress(len(survey.films), "images") as bar:
        looked = pool.map(lambda i, film: _look(film, i, larges), range(len(survey.films)), survey.films)
        for i, (film, looks) in enumerate(zip(survey.films, looked, strict=True)):
            bar.update()
            if isinstance(looks, str):
                survey.add("unreadable image", f"{film.image_id}: {looks}", film.image_id)
            else:
                survey.films[i] = looks.film
                thumbnails[len(found)] = looks.small
                looks.small = thumbnails[len(found)]
                found.append(looks)
                for line in looks.warnings:
                    survey.add("doubtful image", f"{film.image_id}: {line}", film.image_id)
                if looks.contrast < _LEAST_CONTRAST:
                    line = f"{film.image_id}: its gray values span {looks.contrast:.0f} of 256 levels"
                    survey.add("no contrast", f"{line}; look at the film, and replace or exclude it", film.image_id)
    thumbnails = thumbnails[: len(found)]
    check_negatives(survey, [looks.film.image_id for looks in found], thumbnails)
    twins = _identical(survey, found)
    if len(found) > 1:
        pairs = [pair for pair in near_pairs(thumbnails) if frozenset(pair) not in twins]
        _near_identical(survey, found, pairs, larges)


def _look(film: Film, number: int, larges: _Pictures) -> _Looks | str:
    try:
        read = read_radiograph(film.path)
    except ImageError as error:
        return str(error).removeprefix(f"{film.path}: ").split(";")[0]
    image, warnings = read.gray, tuple(w for w in read.warnings if not w.startswith(_USUAL))
    digest = hashlib.sha256(repr(image.shape).encode() + np.ascontiguousarray(image).data).hexdigest()
    # twice down: the area filter on the whole image once
    middle = cv2.resize(image, (2 * _LARGE, 2 * _LARGE), interpolation=cv2.INTER_AREA)
    small = _local_contrast(cv2.resize(middle, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA), 3)
    small = small - small.mean()
    large = cv2.GaussianBlur(cv2.resize(middle, (_LARGE, _LARGE), interpolation=cv2.INTER_AREA), (0, 0), 1.2)
    below = np.cumsum(histogram(middle))
    contrast = float(np.diff(np.searchsorted(below, (0.01 * below[-1], 0.99 * below[-1])))[0])
    small = (small / (np.linalg.norm(small) + 1e-9)).ravel()
    larges.put(number, large)
    return _Looks(replace(film, size=image.shape), digest, small, number, contrast, warnings)


def _local_contrast(image: np.ndarray, sigma: float) -> np.ndarray:
    image = image.astype(np.float32)
    image = image - cv2.GaussianBlur(image, (0, 0), sigma)
    return image / (np.sqrt(cv2.GaussianBlur(image * image, (0, 0), sigma)) + 2)


def _identical(survey: Survey, found: list[_Looks]) -> set[frozenset[int]]:
    by_digest: dict[str, list[int]] = {}
    for i, looks in enumerate(found):
        by_digest.setdefault(looks.digest, []).append(i)
    twins = set()
    for group in by_digest.values():
        for i, j in itertools.pairwise(group):
            twins.add(frozenset((i, j)))
            _report(survey, "identical images", "the same pixels", found[i].film, found[j].film)
    return twins


def _near_identical(survey: Survey, found: list[_Looks], pairs: list[tuple[int, int]], larges: _Pictures) -> None:
    """Pairs of nearest neighbours by a thumbnail's correlation, confirmed by aligning a larger picture."""
    with ThreadPoolExecutor(usable_cores()) as pool, progress(len(pairs), "pairs") as bar:
        aligned = pool.map(lambda pair: _aligned(found[pair[0]], found[pair[1]], larges), pairs)
        for (i, j), same in zip(pairs, aligned, strict=True):
            bar.update()
            if same > _SAME_EXPOSURE:
                what = f"nearly the same image (correlation {same:.3f})"
                _report(survey, "near-identical images", what, found[i].film, found[j].film)


def _aligned(a: _Looks, b: _Looks, larges: _Pictures) -> float:
    """Correlation after the affine map that aligns them best."""
    if (near := float(a.small @ b.small)) > _SURELY_SAME:
        return near
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-3)
    try:
        one, other = (larges.get(looks.number) for looks in (a, b))
        return cv2.findTransformECC(one, other, np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE, stop, None, 5)[0]
    except cv2.error:  # it did not converge: they are not alike
        return 0.0


def _report(survey: Survey, kind: str, what: str, a: Film, b: Film) -> None:
    across = a.split != b.split
    kind = f"{kind} across splits" if across else kind
    survey.add(kind, f"{a.image_id} ({a.split}) and {b.image_id} ({b.split}): {what}", a.image_id, b.image_id)
