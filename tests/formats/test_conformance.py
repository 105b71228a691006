"""What every format must do: give back what it wrote, name what is wrong in one line, and read any name."""

import ast
import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

import landmarks
from landmarks.formats import FORMATS, GENERATED
from landmarks.formats.reading import read_dataset, survey_dataset
from landmarks.formats.records import DataError
from landmarks.formats.survey import TRUTH, Film, Survey
from landmarks.prepare.run import prepare
from landmarks.radiograph import IMAGE_SUFFIXES
from landmarks.schema import NO_LANDMARKS, LandmarkSet

NAMES = [
    name
    for name, module in FORMATS.items()
    if name not in GENERATED and hasattr(module, "write") and module.LANDMARKS is not NO_LANDMARKS
]
IDS = ("0007", "Zoë Müller 3", "a#b", "it's (2)", "x, y;z")
NUMBERED = LandmarkSet(name="numbered", symbols=("1", "2", "3", "4"))
OWN = LandmarkSet(name="own", symbols=("S", "N", "Pog`", "Or links"))


def build(name: str, root: Path, *, pixel_size=(0.1, 0.1)) -> Survey:
    """A small set of this format with everything that it keeps; of each film another landmark is missing."""
    module, rng, films = FORMATS[name], np.random.default_rng(0), []
    marks = module.LANDMARKS or (NUMBERED if name == "point_list" else OWN)
    for i, image_id in enumerate(IDS):
        points = rng.uniform(0, 190, (len(marks), 2))
        points[i % len(marks)] = np.nan
        readers = {"senior": points, "junior": points + 1} if "readers" in module.KEEPS else {TRUTH: points}
        film = Film(image_id=image_id, path=root, split="train", device=f"X-ray {i % 2}", pixel_size=pixel_size,
                    readers=readers, cvm_stage=1 + i, size=(241, 193))  # fmt: skip
        path = root / f"{module.image_place(film)}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imencode(".png", rng.integers(0, 255, film.size, dtype=np.uint8))[1].tofile(path)
        films.append(dataclasses.replace(film, path=path))
    survey = Survey(root=root, landmarks=marks, films=films, splits=("train",))
    module.write(survey, root)
    return survey


def annotation_files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and path.suffix not in IMAGE_SUFFIXES)


def first_error(name: str, root: Path) -> str:
    """What training says of the set."""
    with pytest.raises(DataError) as caught:
        read_dataset(name, root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_scan_gives_back_what_was_written(name, tmp_path):
    written = build(name, tmp_path / "set")
    found, keeps = survey_dataset(name, tmp_path / "set"), FORMATS[name].KEEPS
    assert {finding.kind for finding in found.findings if finding.images} <= {"missing point", "point (-1, -1)"}
    found.stop_at_first("all")
    by_id = {film.image_id: film for film in found.films}
    assert sorted(by_id) == sorted(IDS)
    order = [found.landmarks.index(symbol) for symbol in written.landmarks.symbols]
    for film in written.films:
        again = by_id[film.image_id]
        assert again.path == film.path
        assert again.split == (film.split if "split" in keeps else "all")
        assert again.readers.keys() == film.readers.keys()
        for reader, points in film.readers.items():
            np.testing.assert_allclose(again.readers[reader][order], points, atol=0.01)
        for kept in {"device", "pixel_size", "cvm_stage"} & set(keeps):
            assert getattr(again, kept) == getattr(film, kept)


@pytest.mark.parametrize("name", NAMES)
def test_strict_reading_is_the_same_scan(name, tmp_path):
    build(name, tmp_path / "set")
    films, records = survey_dataset(name, tmp_path / "set").films, read_dataset(name, tmp_path / "set").records
    assert [film.image_id for film in films] == [record.image_id for record in records]
    for film, record in zip(films, records, strict=True):
        stack = np.stack(list(film.readers.values()))
        np.testing.assert_allclose(record.points_px, stack.mean(axis=0), rtol=1e-12)
    parts = [read_dataset(name, tmp_path / "set", split="train", val_fraction=0.4)]
    if "split" not in FORMATS[name].KEEPS:
        parts.append(read_dataset(name, tmp_path / "set", split="valid", val_fraction=0.4))
    ids = [record.image_id for part in parts for record in part.records]
    assert len(ids) == len(set(ids))
    with pytest.raises(DataError, match="nowhere"):
        read_dataset(name, tmp_path / "set", split="nowhere")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "damage", [lambda content: content[: len(content) * 2 // 3], lambda content: b"\xff\xfe\0;", lambda _: b""]
)
def test_a_broken_file_is_named(name, damage, tmp_path):
    build(name, tmp_path / "set")
    one_of_a_kind = {path.suffix: path for path in annotation_files(tmp_path / "set")}
    for path in one_of_a_kind.values():
        content = path.read_bytes()
        path.write_bytes(damage(content))
        assert path.name in first_error(name, tmp_path / "set")
        path.write_bytes(content)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_too_many_and_one_too_few(name, tmp_path):
    images = [film.path for film in build(name, tmp_path / "set").films]
    extra = images[0].with_name("5 zwölf.png")
    extra.write_bytes(images[0].read_bytes())
    assert str(extra) in first_error(name, tmp_path / "set")
    assert any("5 zwölf" in finding.images for finding in survey_dataset(name, tmp_path / "set").findings)
    extra.unlink()
    (images[0].parent / "._0007.png").write_bytes(b"what macOS leaves beside a copied file")
    read_dataset(name, tmp_path / "set")
    images[3].unlink()
    found = survey_dataset(name, tmp_path / "set").findings
    assert any(images[3].stem in finding.images or images[3].stem in finding.text for finding in found)


@pytest.mark.parametrize("name", NAMES)
def test_a_prepared_copy_has_the_same_millimetres(name, tmp_path):
    build(name, tmp_path / "set")
    prepare(tmp_path / "set", name, tmp_path / "small", long_side=100, jpeg=None)
    for old, new in zip(*(read_dataset(name, tmp_path / part).records for part in ("set", "small")), strict=True):
        assert old.image_id == new.image_id
        np.testing.assert_allclose(new.points_px, (old.points_px + 0.5) * (80 / 193, 100 / 241) - 0.5, atol=2e-6)
        if old.pixel_size:
            scaled = np.array(new.pixel_size) * (80 / 193, 100 / 241)
            np.testing.assert_allclose(scaled, old.pixel_size, rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_pixels_that_are_no_squares(name, tmp_path):
    """Kept as they are, or refused by name; never half of them."""
    if "pixel_size" not in FORMATS[name].KEEPS:
        return
    refused = ""
    try:
        build(name, tmp_path / "set", pixel_size=(0.1, 0.125))
    except DataError as error:
        refused = str(error)
    if refused:
        assert "0007.png: pixel" in refused
    else:
        assert {film.pixel_size for film in survey_dataset(name, tmp_path / "set").films} == {(0.1, 0.125)}


def test_an_unknown_format_is_an_error(tmp_path):
    for read in (survey_dataset, read_dataset):
        with pytest.raises(DataError, match="unknown format 'aaris'; did you mean aariz"):
            read("aaris", tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        read_dataset("aariz", tmp_path / "none")


def test_nothing_outside_the_formats_compares_their_names():
    package = Path(landmarks.__file__).parent
    for path in [*package.rglob("*.py"), *(package.parent / "tools").glob("*.py")]:
        if path.parent.name == "formats":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            parts = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
            names = {const.value for part in parts for const in ast.walk(part) if isinstance(const, ast.Constant)}
            assert not names & FORMATS.keys(), f"{path.name}, line {node.lineno}"
