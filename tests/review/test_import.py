"""A film's whole way in: dropped or chosen, read, predicted by a model file without torch, shown with its scale."""

import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from landmarks.geometry import apply_map, input_to_heatmap, letterbox_map
from landmarks.inference.card import ModelCard
from landmarks.inference.onnx import INPUT, OUTPUT, card_metadata, sealed
from landmarks.schema import LandmarkSet
from tests.review.conftest import start_server, stop_server
from tests.review.test_page import until

SIZE = (192, 160)


def fixed_model(points: dict[str, tuple[float, float]], film_size: tuple[int, int], target: Path, shape=None) -> Path:
    """An ONNX file whose maps have their peaks at these points of a film of this size, whatever the film shows."""
    onnx = pytest.importorskip("onnx", reason="the extra 'onnx' is not installed")
    points_hm = input_to_heatmap(apply_map(letterbox_map(film_size, SIZE), np.array(list(points.values()))))
    rows, columns = np.mgrid[: SIZE[0] // 4, : SIZE[1] // 4]
    away = (columns - points_hm[:, 0, None, None]) ** 2 + (rows - points_hm[:, 1, None, None]) ** 2
    maps = np.exp(-away / (2 * 2.0**2)).astype(np.float32)
    make, number = onnx.helper.make_node, onnx.TensorProto
    graph = onnx.helper.make_graph(
        [
            make("Cast", [INPUT], ["gray"], to=number.FLOAT),
            make("ReduceMean", ["gray"], ["mean"], axes=[1, 2, 3], keepdims=1),
            make("Mul", ["mean", "zero"], ["nothing"]),
            make("Add", ["nothing", "fixed"], [OUTPUT]),
        ],
        "fixed",
        [onnx.helper.make_tensor_value_info(INPUT, number.UINT8, ["batch", 1, *SIZE])],
        [onnx.helper.make_tensor_value_info(OUTPUT, number.FLOAT, ["batch", len(points), SIZE[0] // 4, SIZE[1] // 4])],
        [onnx.numpy_helper.from_array(maps[None], "fixed"), onnx.numpy_helper.from_array(np.zeros(1, np.float32), "zero")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    landmarks = LandmarkSet(name="fixed", symbols=tuple(points))
    card = ModelCard(landmarks=landmarks, image_size=SIZE, sigma=2.0, margin=1.5, shape=shape)
    onnx.helper.set_model_props(model, card_metadata(card))
    target.write_bytes(sealed(model.SerializeToString()))
    return target


def dicom(pixels: np.ndarray) -> bytes:
    """A computed radiograph of 12 bits with the patient's name in it."""
    pydicom = pytest.importorskip("pydicom", reason="the extra 'dicom' is not installed")
    film = pydicom.Dataset()
    film.file_meta = pydicom.dataset.FileMetaDataset()
    film.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID = pydicom.uid.ComputedRadiographyImageStorage
    film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID = pydicom.uid.generate_uid()
    film.PatientName, film.PatientID, film.PatientAge, film.PatientSex, film.Modality = "Doe^Jane", "4711", "012Y", "F", "CR"
    film.Rows, film.Columns = pixels.shape
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
    film.ImagerPixelSpacing = [0.15, 0.15]
    film.PixelData = (pixels.astype(np.uint16) * 16).tobytes()
    content = io.BytesIO()
    film.save_as(content, enforce_file_format=True)
    return content.getvalue()


BLOCKED = """
import json, sys
for name in ("torch", "torchvision", "timm", "albumentations", "onnx", "matplotlib"):
    sys.modules[name] = None
import landmarks.review.page, landmarks.review.server
from landmarks.review.worker import Worker
print(len(Worker().answer({"do": "predict", "path": sys.argv[1], "model": sys.argv[2]})["points"]))
"""


def test_the_page_needs_no_torch(tmp_path, heads):
    content, points = heads[0]
    (tmp_path / "head.png").write_bytes(content)
    model = fixed_model(points, (760, 640), tmp_path / "fixed.onnx")
    words = [sys.executable, "-c", BLOCKED, str(tmp_path / "head.png"), str(model)]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout.strip()) == (0, "27"), told.stderr


@pytest.fixture
def server(tmp_path, heads):
    (tmp_path / "films").mkdir()
    model = fixed_model(heads[0][1], (760, 640), tmp_path / "fixed.onnx")
    server = start_server(tmp_path / "films", "--checkpoint", str(model))
    yield server
    stop_server(server)


def test_png_and_dicom_are_imported_and_predicted(open_page, server, heads):
    content, points = heads[0]
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    page = open_page()
    files = [
        {"name": "head.png", "mimeType": "image/png", "buffer": content},
        {"name": "Doe_Jane.dcm", "mimeType": "application/dicom", "buffer": dicom(pixels)},
        {"name": "text.png", "mimeType": "image/png", "buffer": b"no film"},
    ]
    page.set_input_files("input[type=file]", files)
    page.wait_for_selector(".case:has(strong:text-is('text')) .state.problem", timeout=60_000)
    cases = {case["title"]: case["id"] for case in server.json("GET", "/api/cases")}
    assert set(cases) == {"head", "Doe_Jane", "text"}

    def predicted(title: str) -> bool:
        return any(case["title"] == title and case["doubt"] == 0.0 for case in server.json("GET", "/api/cases"))

    until(page, lambda: predicted("head") and predicted("Doe_Jane"), seconds=60)
    for title in ("head", "Doe_Jane"):
        found = server.json("GET", f"/api/cases/{cases[title]}")
        for symbol, point in points.items():
            shown = found["facts"][f"point/{symbol}"]["value"]
            np.testing.assert_allclose((shown["x"], shown["y"]), point, atol=1.0)
        # nothing of the person leaves the file
        assert "Doe^Jane" not in str(found)
        assert "4711" not in str(found["facts"])
    assert found["film"]["bits"] == 16
    assert found["facts"]["scale"]["value"] == {"sx": 0.15, "sy": 0.15, "origin": "at the detector"}
    assert (found["facts"]["age"]["value"], found["facts"]["sex"]["value"]) == (12.0, "f")
    page.click(".case:has(strong:text-is('Doe_Jane'))")
    page.wait_for_selector("#scale-line:has-text('at the detector')")
    assert page.locator(".point").count() == len(points)
