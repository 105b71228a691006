"""The whole report: a wrong pixel size on its first page, left-facing faces, and a page that needs nothing from outside."""

import csv
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from landmarks.checkpointfile import write_checkpoint
from landmarks.commands.program import run as run_command
from landmarks.config import ModelConfig
from landmarks.configfile import config_to_dict
from landmarks.evaluation.calibration import FILE_NAME, calibrate
from landmarks.evaluation.evaluate import evaluate_prediction
from landmarks.evaluation.judge import judge
from landmarks.evaluation.report.write import headline, write_report
from landmarks.formats.reading import read_dataset
from landmarks.formats.records import RecordSet
from landmarks.models.build import build_model
from landmarks.prediction import Prediction
from landmarks.schema import AARIZ29, landmarks_to_dict
from landmarks.synthetic.dataset import write_synthetic_dataset

WRONG = "Veraviewepocs 2D"
VOID = {"meta", "link", "img", "br", "hr", "input"}


def predicted(records, sizes_mm: float, seed: int = 0):
    """Predictions that scatter about the truth, with maps of matching spread."""
    rng = np.random.default_rng(seed)
    true = np.stack([record.points_px for record in records.records])
    size = np.array([record.pixel_size[0] for record in records.records])
    spread = rng.uniform(1.0, 3.0, true.shape[:2])
    found = true + sizes_mm * spread[..., None] * rng.standard_normal(true.shape) / size[:, None, None]
    prediction = replace(Prediction.of_points(found), spread_px=spread / size[:, None], target_px=1 / size)
    return evaluate_prediction(records, prediction)


@pytest.fixture(scope="module")
def wrong_records(tmp_path_factory):
    """A synthetic Aariz set in which one device's pixel size in the CSV is 2.5 times too large."""
    root = write_synthetic_dataset(tmp_path_factory.mktemp("wrong") / "set", num=40, seed=4, height=256)
    path = root / "cephalogram_machine_mappings.csv"
    rows = table_rows(path)
    for row in rows:
        if row["machine"] == WRONG:
            row["pixel_size"] = str(2.5 * float(row["pixel_size"]))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return read_dataset("aariz", root)


def table_rows(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class Checker(HTMLParser):
    """Tags that close, ids that links find, and every address that the page would fetch."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.ids, self.tags = [], [], set(), set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href"):
                self.addresses.append(value)
            if name == "id":
                self.ids.add(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert not checker.open
    assert "script" not in checker.tags
    assert all(address.startswith(("#", "data:")) for address in checker.addresses)
    assert not re.search(r"@import|url\((?!#)", page)
    return checker


def test_one_wrong_pixel_size_is_on_the_first_page(wrong_records, tmp_path, protocol):
    evaluation = predicted(wrong_records, 0.4)
    calibration = calibrate(predicted(wrong_records, 0.4, seed=9), 0.9, {})
    calibration = replace(calibration, images=("another",), hashes=())
    results = judge(evaluation, protocol, calibration)
    figures, devices = results.figures, results.figures.scale.devices
    assert {name for name, device in devices.items() if device.verdict == "impossible"} == {WRONG}
    assert devices[WRONG].sn_mm_median / 72 == pytest.approx(2.5, rel=0.12)
    assert figures.plausible_scale.num_images == 40 - devices[WRONG].num_images
    write_report(tmp_path, results)
    page = (tmp_path / "report.html").read_text()
    first = page[: page.index("<nav>")]
    assert "cannot be right" in first
    assert f"impossible millimetres: {WRONG} (median S-N" in first
    assert f"impossible millimetres: {WRONG}" in headline(figures)
    assert WRONG in (tmp_path / "metrics.tex").read_text()
    links = [address[1:] for address in checked(page).addresses if address.startswith("#")]
    assert set(links) <= checked(page).ids
    for name in ("figures", "landmarks", "devices", "measurements", "confidence", "cases", "protocol"):
        assert f'<section id="{name}">' in page
    assert len(list((tmp_path / "overlays").glob("*.png"))) == 9


def test_the_same_numbers_in_every_file(wrong_records, tmp_path, protocol):
    evaluation = predicted(wrong_records, 0.4)
    results = judge(evaluation, protocol)
    write_report(tmp_path, results)
    saved = json.loads((tmp_path / "metrics.json").read_text())
    for key in ("num_images", "num_points", "mre_mm", "sd_mm", "median_mm", "mre_px", "landmarks", "devices", "protocol"):
        assert key in saved
    assert list(saved["sdr"]) == ["2.0", "2.5", "3.0", "4.0"]
    rows = table_rows(tmp_path / "predictions.csv")
    assert list(rows[0])[:9] == ["image", "symbol", "x", "y", "peak", "x_true", "y_true", "error_px", "error_mm"]
    errors = [float(row["error_mm"]) for row in rows]
    assert saved["mre_mm"] == pytest.approx(np.mean(errors), abs=1e-4)
    table = {row["name"]: row for row in table_rows(tmp_path / "metrics.csv")}
    assert float(table["all"]["mre_mm"]) == saved["mre_mm"]
    assert float(table["Go"]["sdr_2.0"]) == saved["landmarks"]["Go"]["sdr"]["2.0"]
    assert f"all & {saved['mre_mm']:.2f} (" in (tmp_path / "metrics.tex").read_text()
    measured = {row["measurement"]: row for row in table_rows(tmp_path / "measurements.csv")}
    assert float(measured["ANB"]["bias"]) == saved["measurements"]["ANB"]["bias"]
    assert f"{saved['mre_mm']:.2f} mm" in (tmp_path / "report.html").read_text()


def test_a_set_without_pixel_sizes_and_readers_is_reported_in_pixels(wrong_records, tmp_path, protocol):
    bare = tuple(replace(record, pixel_size=None, readers={}) for record in wrong_records.records[:12])
    evaluation = evaluate_prediction(
        RecordSet(landmarks=AARIZ29, records=bare), Prediction.of_points(np.stack([record.points_px + 3.0 for record in bare]))
    )
    results = judge(evaluation, protocol)
    write_report(tmp_path, results)
    page = (tmp_path / "report.html").read_text()
    checked(page)
    assert results.figures.overall.mre_mm is None
    assert "no pixel size" in page[: page.index("<nav>")]
    assert results.figures.clinical.measurements["ANB"].num == 12
    assert results.figures.clinical.measurements["S-N"].num == 0


def test_the_tool_calibrates_and_uses_it(tiny_config, tmp_path, capsys):
    run = tmp_path / "run" / "checkpoints"
    run.mkdir(parents=True)
    model = build_model(ModelConfig(backbone="hrnet_w18_small", head_channels=32), 29)
    content = {"model": model.state_dict(), "config": config_to_dict(tiny_config), "landmarks": landmarks_to_dict(AARIZ29)}
    write_checkpoint(run / "best.pt", content)

    def call(*words: str) -> int:
        return run_command("eval", ["--checkpoint", str(run / "best.pt"), *words])

    assert call("--split", "train", "--calibrate", "0.9") == 2
    assert "was trained on" in capsys.readouterr().err
    assert call("--split", "valid", "--calibrate", "0.5") == 0
    assert (run / FILE_NAME).is_file()
    assert call("--split", "test") == 0
    saved = json.loads((tmp_path / "run" / "evaluation_test" / "metrics.json").read_text())
    assert saved["confidence"]["calibrated"]["num_calibration_images"] == 3
    assert "radius_mm" in (tmp_path / "run" / "evaluation_test" / "predictions.csv").read_text().splitlines()[0]
