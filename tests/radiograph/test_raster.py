"""Image files of every kind read as the same picture, 8 bits bit for bit as OpenCV reads them; the others are named."""

import io
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from landmarks.radiograph import ImageError, image_files, read_gray, read_radiograph

HEIGHT, WIDTH = 90, 70


@pytest.fixture(scope="module")
def gray() -> np.ndarray:
    rng = np.random.default_rng(0)
    smooth = cv2.resize(rng.integers(0, 256, (9, 7), dtype=np.uint8), (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    smooth[0, 0], smooth[-1, -1] = 0, 255
    return smooth


def colours(gray: np.ndarray) -> Image.Image:
    return Image.fromarray(np.dstack([gray, gray[::-1], 255 - gray]))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8, 5])
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".png", {}),
        (".jpg", {"quality": 90}),
        (".jpeg", {"quality": 80, "progressive": True}),
        (".bmp", {}),
        (".tif", {}),
        (".tiff", {"compression": "tiff_lzw"}),
        (".tif", {"compression": "tiff_deflate"}),
        (".tif", {"compression": "jpeg"}),
    ],
)
def test_eight_bits_as_opencv_reads_them(tmp_path, gray, suffix, options, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    if suffix in (".png", ".jpg", ".jpeg"):
        options = options | {"exif": exif}
    elif orientation > 1:
        pytest.skip("no EXIF in this kind of file")
    images = [Image.fromarray(gray), colours(gray)]
    if suffix in (".png", ".bmp"):
        images.append(colours(gray).quantize(200))
    for image in images:
        path = tmp_path / f"a{suffix}"
        image.save(path, **options)
        expected = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
        found = read_radiograph(path)
        np.testing.assert_array_equal(found.gray, expected)
        assert found.gray is found.pixels


def kinds(gray: np.ndarray) -> dict[str, tuple[object, dict]]:
    """Name -> image and options of save."""
    opaque = np.full_like(gray, 255)
    clear = np.where(gray > 20, 255, 0).astype(np.uint8)
    white = np.where(gray > 20, gray, 255)
    deep = gray.astype(np.uint16)
    palette = Image.fromarray(gray).convert("P")
    return {
        "16.png": (Image.fromarray(deep * 257), {}),
        "12.png": (Image.fromarray((gray.astype(np.uint32) * 4095 // 255).astype(np.uint16)), {}),
        "14.tif": (Image.fromarray((gray.astype(np.uint32) * 16383 // 255).astype(np.uint16)), {}),
        "8in16.png": (Image.fromarray(deep), {}),
        "shifted.png": (Image.fromarray(deep * 16), {}),
        "float.tif": (Image.fromarray((gray / 255).astype(np.float32)), {}),
        "int.tif": (Image.fromarray(gray.astype(np.int32) * 257), {}),
        "palette.png": (palette, {}),
        "transparent-black.png": (palette, {"transparency": 0}),
        "opaque.png": (Image.fromarray(np.dstack([gray] * 3 + [opaque])), {}),
        "all-clear.png": (Image.fromarray(np.dstack([gray] * 3 + [0 * gray])), {}),
        "la.png": (Image.fromarray(gray).convert("LA"), {}),
        "webp.webp": (Image.fromarray(gray), {"lossless": True}),
        "jp2.jp2": (Image.fromarray(gray), {}),
        "jp2-16.jp2": (Image.fromarray(deep * 257), {}),
        "gif.gif": (Image.fromarray(gray), {}),
        "cut_out.png": (Image.fromarray(np.dstack([white] * 3 + [clear])), {}),
        "pages.tif": (Image.fromarray(gray[::8, ::8]), {"save_all": True, "append_images": [Image.fromarray(gray)]}),
    }


def test_every_kind_is_the_same_picture(tmp_path, gray):
    for name, (image, options) in kinds(gray).items():
        image.save(tmp_path / name, **options)
        found = read_radiograph(tmp_path / name)
        expected = np.where(gray > 20, gray, 0) if name == "cut_out.png" else gray
        np.testing.assert_array_equal(found.gray, expected, err_msg=name)
    assert read_radiograph(tmp_path / "12.png").pixels.max() == 4095
    Image.fromarray(gray).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=98)
    np.testing.assert_allclose(read_gray(tmp_path / "cmyk.jpg").astype(int), gray, atol=6)


def test_kinds_that_only_opencv_writes(tmp_path, gray):
    """Colour of 16 bits, signed 16 bits, white is zero."""
    deep = np.dstack([gray.astype(np.uint16) * 257] * 3)
    for name in ("rgb16.png", "rgb16.tif"):
        cv2.imwrite(str(tmp_path / name), deep)
        np.testing.assert_array_equal(read_gray(tmp_path / name), gray)
    cv2.imwrite(str(tmp_path / "signed.tif"), gray.astype(np.int16) * 8 - 1024)
    signed = read_radiograph(tmp_path / "signed.tif")
    np.testing.assert_array_equal(signed.gray, gray)
    assert signed.warnings == ("gray values from -1024 to 1016 are read as black to white",)
    for array in (255 - gray, 65535 - gray.astype(np.uint16) * 257):
        stream = io.BytesIO()
        Image.fromarray(array).save(stream, "TIFF")
        content = bytearray(stream.getvalue())
        entry = content.index(struct.pack("<HHI", 262, 3, 1)) + 8
        content[entry : entry + 2] = struct.pack("<H", 0)
        (tmp_path / "white.tif").write_bytes(content)
        np.testing.assert_allclose(read_gray(tmp_path / "white.tif").astype(int), gray, atol=1)


def test_a_narrow_band_and_a_mark_far_above_the_film(tmp_path, gray):
    band = gray.astype(np.uint16) * 2 + 9000
    Image.fromarray(band).save(tmp_path / "band.png")
    marked = gray.astype(np.uint16) * 8
    marked[:2, :2] = 65535
    Image.fromarray(marked).save(tmp_path / "marked.png")
    for name in ("band.png", "marked.png"):
        found = read_gray(tmp_path / name).astype(int)
        assert np.ptp(np.percentile(found, (1, 99))) > 200
        assert np.corrcoef(found.ravel(), gray.ravel())[0, 1] > 0.98


def test_a_damaged_jpeg_earns_a_warning_and_a_sound_one_none(tmp_path, gray, capfd):
    large = Image.fromarray(cv2.resize(gray, (700, 900), interpolation=cv2.INTER_CUBIC))
    black = Image.new("L", (900, 900))
    black.paste(large, (100, 0))
    cases = {"plain": (large, {}), "optimal": (black, {"optimize": True}), "steps": (large, {"progressive": True})}
    for name, (image, options) in cases.items():
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=95, **options)
        (tmp_path / "sound.jpg").write_bytes(stream.getvalue())
        assert read_radiograph(tmp_path / "sound.jpg").warnings == (), name
        for start in (0.3, 0.5, 0.7):
            content = bytearray(stream.getvalue())
            first = int(start * len(content))
            content[first : first + 512] = bytes(512)
            (tmp_path / "damaged.jpg").write_bytes(content)
            (line,) = read_radiograph(tmp_path / "damaged.jpg").warnings
            assert line.startswith("damaged JPEG: "), (name, start)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(os.name != "posix", reason="libjpeg's words are not caught there")
def test_what_another_thread_writes_meanwhile_is_no_damage_and_arrives(tmp_path, gray, monkeypatch, capfd):
    Image.fromarray(gray).save(tmp_path / "sound.jpg")
    decode = cv2.imdecode

    def beside_a_progress_bar(*args):
        os.write(2, b"images: 50%\r")
        return decode(*args)

    monkeypatch.setattr("landmarks.radiograph.intact.cv2.imdecode", beside_a_progress_bar)
    assert read_radiograph(tmp_path / "sound.jpg").warnings == ()
    assert capfd.readouterr().err == "images: 50%\r"


def test_what_a_file_has_lost_is_said(tmp_path, gray):
    Image.fromarray(gray).convert("1").save(tmp_path / "bit.png")
    assert read_radiograph(tmp_path / "bit.png").warnings[0].startswith("2 gray levels only")
    clear = np.where(gray > 20, 255, 0).astype(np.uint8)
    Image.fromarray(np.dstack([gray] * 3 + [clear])).save(tmp_path / "clear.png")
    share = max(1, round(100 * float((gray <= 20).mean())))
    assert read_radiograph(tmp_path / "clear.png").warnings == (
        f"{share} % of the pixels are transparent and are read as black",
    )


def png_header(height: int, width: int) -> bytes:
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (bytes(4000), "nothing but zeros"),
        (b"%PDF-1.7 " + bytes(100), "a PDF, not an image"),
        (b"\0\0\0\x18ftypheic" + bytes(100), "a HEIC, not an image"),
        (b"\0\0\0\x18ftypmp42" + bytes(100), "a video, not an image"),
        (b"PK\x03\x04" + bytes(100), "a ZIP archive"),
        (b"<html><body>404 Not Found", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"S;N\n1;2\n", "a text file"),
        (png_header(50_000, 50_000), "too large to decode"),
        (png_header(0, 10), "broken or truncated"),
        (b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 60_000, 60_000, 1, 8, 0, 0, 0, 0, 0, 0), "too large|broken"),
    ],
)
def test_what_is_no_image_is_named_as_what_it_is(tmp_path, content, reason, capfd):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=reason) as caught:
        read_gray(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(ImageError, match=r"cannot be read|a folder"):
            read_gray(path)


def test_which_files_are_films(tmp_path):
    for name in ("b.PNG", "a.tif", "c.dcm", "._a.tif", "notes.txt", "Thumbs.db", "a.png.tmp", "no_suffix"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "@eaDir").mkdir()
    (tmp_path / "@eaDir" / "thumb.jpg").write_bytes(b"x")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "d.webp").write_bytes(b"x")
    assert [path.name for path in image_files(tmp_path)] == ["a.tif", "b.PNG", "c.dcm"]
    below = [path.relative_to(tmp_path) for path in image_files(tmp_path, below=True)]
    assert below == [Path("a.tif"), Path("b.PNG"), Path("below/d.webp"), Path("c.dcm")]
