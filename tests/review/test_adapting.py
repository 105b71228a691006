"""The page's model learns the habit of whoever corrects, and predicts with it; the test part is never learned from."""

import pytest

from landmarks.formats.reading import read_dataset
from landmarks.review.adapting import Adapting
from landmarks.review.exports import corrected_cases, fill_set, split_of
from landmarks.review.folder import scan
from landmarks.review.jobs import keep_prediction
from landmarks.review.reshape import head_model
from landmarks.review.store import Store
from tests.review.conftest import predicted, start_server, stop_server
from tests.review.test_import import fixed_model
from tests.review.test_page import open_case, until

HABIT_PX = 40.0


@pytest.fixture
def corrected(tmp_path, heads):
    """Five films of one head, Gonion corrected to the right of where the model sees it. Two are kept for testing."""
    content, points = heads[0]
    folder = tmp_path / "films"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.png").write_bytes(content + bytes([number]))
    store = Store(folder)
    scan(store)
    keys = {part: [] for part in ("train", "valid", "test")}
    for number in range(100):
        keys[split_of(store, 1, {"patient": f"P{number}"})].append(f"P{number}")
    for row, patient in zip(store.summaries("ORDER BY c.id"), [*keys["train"][:3], *keys["test"][:2]], strict=True):
        keep_prediction(store, row["id"], {"model": "fixed", "points": predicted(points)})
        moved = {"x": points["Go"][0] + HABIT_PX, "y": points["Go"][1], "visible": True, "by": "hand"}
        changes = {"point/Go": moved, "patient": patient}
        store.record(row["id"], who="Dr. A", source="hand", kind="move", changes=changes)
    yield store
    store.close()


def test_the_test_part_is_not_learned_from(corrected):
    assert {part: len(cases) for part, cases in corrected_cases(corrected).items()} == {"train": 3, "valid": 0, "test": 2}
    assert Adapting(corrected, None).cases() == [1, 2, 3]


def test_a_set_of_the_cases_trains_and_keeps_its_test_part_apart(corrected, tmp_path, heads):
    content, points = heads[0]
    cases = [case for part in corrected_cases(corrected).values() for case in part]
    fill_set(corrected, cases, "table", tmp_path / "set", lambda case: content)
    found = {split: read_dataset("table", tmp_path / "set", split=split, hold_out=False) for split in ("train", "test")}
    names = {split: {record.image_id for record in records.records} for split, records in found.items()}
    assert names == {"train": {"case_00001", "case_00002", "case_00003"}, "test": {"case_00004", "case_00005"}}
    learned = found["train"].records[0].points_px[found["train"].landmarks.index("Go")]
    assert learned == pytest.approx((points["Go"][0] + HABIT_PX, points["Go"][1]), abs=1e-3)


def test_adapt_and_predict_with_the_new_model(corrected, open_page, server, heads):
    page = open_page()
    open_case(page, "4")
    page.click("#models")
    page.wait_for_selector("dialog:has-text('3 corrected films, and 2 more')")
    page.click("#adapt")
    page.wait_for_selector("#adapting progress")
    page.click(".toast button:text-is('Use the new model')", timeout=200_000)
    page.wait_for_selector(".toast:has-text('New predictions are made with adapted-')")
    page.click("[role=tab][data-name=case]")
    page.click("#predict-again")

    def found() -> dict:
        return server.json("GET", "/api/cases/5")["facts"]["auto/Go"]["value"]

    until(page, lambda: found()["x"] != heads[0][1]["Go"][0], seconds=100)
    true = heads[0][1]["Go"]
    assert true[0] + 0.2 * HABIT_PX < found()["x"] < true[0] + HABIT_PX
    assert abs(found()["y"] - true[1]) < 3


@pytest.fixture
def server(corrected, heads, tmp_path):
    model = fixed_model(heads[0][1], (760, 640), tmp_path / "fixed.onnx", shape=head_model())
    server = start_server(corrected.folder, "--checkpoint", str(model))
    yield server
    stop_server(server)
