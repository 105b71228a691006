"""The seven devices of the synthetic set: their films, what stands beside the head, and how they show it."""

from dataclasses import dataclass

import cv2
import numpy as np

from landmarks.synthetic.anatomy import Head
from landmarks.synthetic.render import Film, draw_head, ellipse


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How a device shows attenuations."""

    contrast: float = 1.0
    """Multiplies all attenuations before exposure."""
    gamma: float = 1.0
    """Above 1 darkens soft tissue."""
    noise: float = 0.012
    """Standard deviation as a share of full white."""
    blur_mm: float = 0.15
    flatten: float = 0.0
    """0 keeps large bright and dark regions, 1 removes them, as local contrast filters do."""
    scan_lines: float = 0.0
    """Strength of the streaks that a moving detector leaves."""
    border_mm: float = 0.0
    """Unexposed frame that the collimator leaves."""
    ruler: bool = False
    holder: bool = False
    """A nasion rest in front of the forehead."""
    solid_rods: bool = False
    """Ear rods as discs instead of rings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A machine of the data set; its pixel size is the true one of what is rendered."""

    name: str
    share: int
    """Images in 1,000, as in the real set."""
    size: tuple[int, int]
    pixel_mm: float
    extensions: tuple[str, ...]
    color: str
    """How files store gray: `gray`, `rgb` or `palette`."""
    look: Look


# Names and shares are the real set's. Sizes are modest, for speed, with pixels to match; formats, colours and
# looks are chosen so that the set has each of the real set's variants.
DEVICES = (
    Device(name="ART Plus", share=366, size=(1112, 984), pixel_mm=0.2, extensions=("png",), color="gray",
           look=Look(contrast=1.1, noise=0.014, flatten=0.75, scan_lines=1.0, border_mm=3.0, holder=True)),
    Device(name="ProMax ProTouch", share=135, size=(1040, 900), pixel_mm=0.215, extensions=("jpeg",),
           color="gray", look=Look(contrast=1.2, gamma=1.15, noise=0.014, blur_mm=0.22, ruler=True, holder=True)),
    Device(name="ProMax 2D", share=41, size=(960, 880), pixel_mm=0.23, extensions=("jpeg",), color="rgb",
           look=Look(contrast=0.9, gamma=0.9, noise=0.02, blur_mm=0.25, flatten=0.15, holder=True)),
    Device(name="Veraviewepocs 2D", share=177, size=(1240, 1020), pixel_mm=0.18, extensions=("jpg", "JPG"),
           color="gray", look=Look(contrast=1.1, gamma=1.25, noise=0.01, blur_mm=0.3, border_mm=2.0,
                                   solid_rods=True)),
    Device(name="Smart3D", share=59, size=(1080, 1280), pixel_mm=0.19, extensions=("jpeg",), color="rgb",
           look=Look(contrast=0.95, noise=0.022, blur_mm=0.18, flatten=0.3, scan_lines=0.4, ruler=True)),
    Device(name="Hyperion X5", share=143, size=(1220, 1000), pixel_mm=0.18, extensions=("bmp", "jpg", "BMP"),
           color="gray", look=Look(contrast=1.3, gamma=1.1, noise=0.016, blur_mm=0.15, flatten=0.35, holder=True)),
    Device(name="Rotograph EVO", share=79, size=(900, 1180), pixel_mm=0.225, extensions=("png",),
           color="palette", look=Look(contrast=1.0, gamma=1.4, noise=0.02, blur_mm=0.3, ruler=True,
                                      solid_rods=True)),
)  # fmt: skip

# Where Sella is in the real images (aariz_shape.json, 196.8 x 222.5 mm), as a share of the field of view.
_SELLA_SHARE, _SELLA_SD_MM = np.array([56.49 / 196.8, 78.66 / 222.5]), np.array([7.28, 5.23])
_MARGIN_MM = 4.0


def place_sella(points_mm: np.ndarray, field_mm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sella (x, y) in mm from the film's corner, such that all points are on the film."""
    low, high = _MARGIN_MM - points_mm.min(0), field_mm - _MARGIN_MM - points_mm.max(0)
    assert (low <= high).all(), f"a face of {np.ptp(points_mm, axis=0)} mm on a film of {field_mm} mm"
    return np.clip(field_mm * _SELLA_SHARE + rng.normal(0, _SELLA_SD_MM), low, high)


def radiograph(head: Head, device: Device, size: tuple[int, int], pixel_mm: float,
               rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The image, uint8 [H, W], and points_px [29, 2] of the landmarks in it."""
    sella_mm = place_sella(head.points_mm, np.array(size[::-1]) * pixel_mm, rng)
    film = Film(size, pixel_mm, sella_mm)
    draw_head(film, head, rng)
    _draw_apparatus(film, head, device.look, rng)
    return _expose(film.attenuation(), device.look, pixel_mm, rng), film.to_px(head.points_mm)


def _draw_apparatus(film: Film, head: Head, look: Look, rng: np.random.Generator) -> None:
    radius = rng.uniform(4.6, 6.0)
    # Porion is read at the top of the near rod; the far one is fainter and displaced by the oblique ray.
    near = head["Po"] + (0, radius)
    for centre, strength in ((near, 1.0), (near + rng.normal((6.5, -1.5), (2.5, 1.5)), 0.45)):
        if look.solid_rods:
            film.fill(ellipse(centre, (radius, radius)), 0.5 * strength, soft_mm=0.2)
            film.fill(ellipse(centre, (1.2, 1.2)), -0.3 * strength)
        else:
            film.fill(ellipse(centre, (radius, radius)), 0.1 * strength)
            film.line(ellipse(centre, (radius - 0.4, radius - 0.4)), 0.55 * strength, width_mm=0.8, soft_mm=0.1)
    if look.holder:
        rest = head["N`"] + (1.0, rng.uniform(-8, -2))
        rod = np.array([(0, 3), (1, -1), (6, -3), (24, -24), (26, -34), (25, -60), (25, -130)]) + rest
        film.line(rod, 0.14, width_mm=3.4, soft_mm=0.2)
        film.line(rod, 0.08, width_mm=1.0, soft_mm=0.2)
        film.fill(ellipse(rod[5], (1.6, 1.6)), 0.9)
    if look.ruler:
        x, top = head["Pn"][0] + rng.uniform(5, 9), head["N"][1] - 40
        film.line(np.array([(x, top), (x, top + 90)]), 0.35, width_mm=0.7)
        for tick in range(0, 91, 5):
            long = 4.0 if tick % 10 == 0 else 2.0
            film.line(np.array([(x, top + tick), (x + long, top + tick)]), 0.6, width_mm=0.6, soft_mm=0.1)


def _expose(attenuation: np.ndarray, look: Look, pixel_mm: float, rng: np.random.Generator) -> np.ndarray:
    """Attenuations to gray levels, uint8 [H, W]."""
    height, width = attenuation.shape
    # Trabeculae and overlapping soft tissue: texture grows with what the ray has crossed.
    cells_mm = {0.9: 0.03, 2.5: 0.03, 9.0: 0.04, 30.0: 0.06}
    texture = sum(share * _cloud((height, width), cell / pixel_mm, rng) for cell, share in cells_mm.items())
    attenuation = np.maximum(attenuation * (1 + texture), 0)
    dose = 1 + rng.uniform(-0.15, 0.15)
    gray = 1 - np.exp(-1.15 * look.contrast * dose * attenuation)
    np.power(gray, look.gamma * rng.uniform(0.88, 1.14), out=gray)
    if look.blur_mm / pixel_mm > 0.3:
        gray = cv2.GaussianBlur(gray, (0, 0), look.blur_mm / pixel_mm)
    if look.flatten:
        small = cv2.resize(gray, (width // 8, height // 8), interpolation=cv2.INTER_AREA)
        local = cv2.GaussianBlur(small, (0, 0), 14 / pixel_mm / 8)
        gray -= look.flatten * (cv2.resize(local, (width, height)) - 0.55)
    gray *= _fall_off(height, width, rng)
    if look.scan_lines:
        _streak(gray, look.scan_lines, rng)
    gray += look.noise * rng.uniform(0.6, 1.4) * rng.standard_normal(gray.shape, dtype=np.float32)
    if frame := round(look.border_mm / pixel_mm):
        gray[-frame:] = 0.0
        gray[:, -max(frame // 2, 1) :] = 0.97
    black, white = rng.uniform(0.0, 0.06), rng.uniform(0.9, 1.06)
    return np.clip(255 * (black + (white - black) * gray), 0, 255).astype(np.uint8)


def _cloud(size: tuple[int, int], cell_px: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise [H, W] of unit-like spread with cells of about `cell_px`."""
    coarse = [max(int(np.ceil(s / max(cell_px, 1))), 2) for s in size]
    return cv2.resize(rng.standard_normal(coarse, dtype=np.float32), size[::-1], interpolation=cv2.INTER_CUBIC)


def _fall_off(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """The beam is weaker away from its centre (heel effect and distance), [H, W] in float32."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] - np.float32(rng.normal(0, 0.25))
    x = np.linspace(-1, 1, width, dtype=np.float32) - np.float32(rng.normal(0, 0.25))
    return 1 - np.float32(rng.uniform(0.03, 0.16)) * (x * x + y * y) / 2


def _streak(gray: np.ndarray, strength: float, rng: np.random.Generator) -> None:
    """Rows whose gain differs: a fine pattern, and a few that stand out."""
    rows = rng.normal(0, 0.004 * strength, len(gray))
    at = rng.integers(0, len(gray), rng.integers(2, 8))
    rows[at] += rng.normal(0, 0.12 * strength, len(at))
    gray += rows[:, None].astype(np.float32)
    gray += rng.normal(0, 0.003 * strength, gray.shape[1]).astype(np.float32)
