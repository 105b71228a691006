"""What leaves the page can be read by others: exports by their formats, the report as a PDF, two dates, shapes."""

import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pypdf
import pytest

from landmarks.formats import FORMATS
from landmarks.review import exports
from landmarks.review.child import Child
from landmarks.review.library import Library
from landmarks.review.reshape import place_by_shape
from landmarks.review.store import Store
from tests.review.test_page import open_case, saved, until


@pytest.fixture
def opened(films):
    store, child = Store(films), Child("decode")
    library = Library(store, child)
    scale = {"sx": 0.25, "sy": 0.25, "origin": "given by the user"}
    for case in (1, 2, 3):
        library.open(case)
        store.record(case, who="Dr. A", source="hand", kind="scale", changes={"scale": scale})
    hidden = store.values(2)["point/Go"] | {"visible": False, "by": "hand"}
    store.record(2, who="Dr. A", source="hand", kind="hide", changes={"point/Go": hidden})
    yield store, library
    child.stop()
    store.close()


@pytest.mark.parametrize("name", [name for name in exports.formats() if name not in exports.TABLES])
def test_a_set_is_read_back_by_its_format(opened, tmp_path, name):
    store, library = opened
    packed = exports.write_set(store, [1, 2, 3], name, tmp_path, lambda case: library.png(case).read_bytes())
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path / "read")
        assert not [entry for entry in archive.namelist() if "/" in entry and entry.startswith(("/", ".."))]
    found = FORMATS[name].scan(tmp_path / "read")
    assert len(found.films) == 3, [finding.text for finding in found.findings]
    for film in found.films:
        case = int(re.search(r"case_(\d+)", film.image_id)[1])
        points = exports.shown_points(store.values(case))
        read = dict(zip(found.landmarks.symbols, next(iter(film.readers.values())), strict=True))
        for symbol, point in points.items():
            np.testing.assert_allclose(read[symbol], point, atol=0.02)
        assert ("Go" in points) == bool(np.isfinite(read.get("Go", [np.nan])).all())


def test_tables_hold_points_measurements_and_history(opened, tmp_path):
    store, _ = opened
    found = json.loads(exports.write_tables(store, [1, 2], "json", tmp_path).read_text())
    assert [case["case"] for case in found] == [1, 2]
    assert found[1]["hidden"] == ["Go"]
    assert found[1]["history"][-1]["who"] == "Dr. A"
    lengths = {row["name"]: row["value"] for row in found[0]["measurements"]}
    sella, nasion = (np.array(exports.shown_points(store.values(1))[symbol]) for symbol in ("S", "N"))
    assert lengths["S-N"] == pytest.approx(0.25 * np.linalg.norm(sella - nasion), abs=1e-6)
    with zipfile.ZipFile(exports.write_tables(store, [1, 2], "csv", tmp_path)) as archive:
        rows = archive.read("points.csv").decode().splitlines()
    assert len(rows) == 1 + 27 + 26


def test_the_test_part_is_by_patient_and_stays(opened):
    store, _ = opened
    same = {"patient": "P1"}
    assert len({exports.split_of(store, case, same) for case in (1, 2, 3)}) == 1
    parts = [exports.split_of(store, 1, {"patient": str(number)}) for number in range(2000)]
    assert 0.17 < parts.count("test") / 2000 < 0.23
    assert 0.08 < parts.count("valid") / 2000 < 0.12


@pytest.mark.parametrize("side", [1, -1])
def test_a_point_is_placed_where_the_others_say(heads, side):
    _, points = heads[0]
    points = {symbol: (side * x + 1000, y) for symbol, (x, y) in points.items()}
    found = place_by_shape(points | {"Go": (0.0, 0.0)}, ["Go"])["Go"]
    assert np.hypot(found[0] - points["Go"][0], found[1] - points["Go"][1]) < 40
    assert place_by_shape({"S": (0.0, 0.0), "N": (1.0, 0.0)}, ["Go"]) == {}


def test_sign_and_print_one_page(open_page, server):
    page = open_page()
    open_case(page, "a")
    page.click(".panel-body [data-name=steiner]")
    page.wait_for_selector("tr[data-name=SNA]")
    page.focus(".point[data-symbol=A]")
    page.keyboard.press("ArrowRight")
    saved(page)
    page.click("#sign")
    page.wait_for_selector("#reopen")
    saved(page)
    page.click("#print")
    page.wait_for_selector(".sheet svg image")
    content = page.pdf(prefer_css_page_size=True)
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    assert len(pages) == 1
    text = pages[0].extract_text()
    for words in ("Steiner", "SNA", "Dr. A", "Signed", "Not a medical device", "Scale unknown", "test model"):
        assert words.replace(" ", "") in text.replace(" ", ""), text
    # the longest report: nothing leaves the page
    page.keyboard.press("Escape")
    page.click(".panel-body [data-name=all]")
    page.wait_for_selector("tr[data-name='Jarabak ratio']")
    page.click("#print")
    page.wait_for_selector(".sheet.many svg image")
    sheet, footer = (page.locator(f".sheet{part}").bounding_box() for part in ("", " footer"))
    assert footer["y"] + footer["height"] < sheet["y"] + sheet["width"] * 297 / 210


def test_two_dates_and_exports_in_the_browser(open_page, server):
    page = open_page()
    for title in ("b", "a"):
        open_case(page, title)
        page.click("button:text-is('Enter')")
        page.fill("dialog input", "0.25")
        page.keyboard.press("Enter")
        page.wait_for_selector("#scale-line:has-text('0.2500')")
        saved(page)
    page.click("#compare")
    page.wait_for_selector(".changes tr:has-text('Pog')")
    page.click("dialog [data-name=changes]")
    page.wait_for_selector(".changes tr:has-text('SNA')")
    page.keyboard.press("Escape")
    page.click("#export-all")
    with page.expect_download() as waiting:
        page.click("dialog button[type=submit]")
    with zipfile.ZipFile(io.BytesIO(Path(waiting.value.path()).read_bytes())) as archive:
        assert set(archive.namelist()) == {"points.csv", "measurements.csv"}
    page.focus(".point.doubtful[data-symbol=Go]")
    page.click("#reshape")
    until(page, lambda: server.json("GET", "/api/cases/1")["facts"]["point/Go"]["value"]["by"] == "shape")
    page.focus(".point[data-symbol=Go]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".point.hand[data-symbol=Go]")
