"""The page as a person feels it: frames while dragging, opening a case, a long list; measured in Chromium."""

import argparse
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from landmarks.aariz_shape import aariz_shape
from landmarks.benchmark.review_store import flood, kill_many, memory_mib, processor_ms
from landmarks.metrics import format_table
from landmarks.review.folder import scan
from landmarks.review.jobs import keep_prediction
from landmarks.review.store import Store, now

_CHROMIUM = "/usr/bin/chromium"
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync"]  # fmt: skip
_FILM = (2400, 1935)
# Time from a pointer's movement to the task after the frame that shows it.
_WATCH_FRAMES = """() => {
    window.__frames = [];
    const channel = new MessageChannel();
    const started = [];
    channel.port1.onmessage = () => window.__frames.push(performance.now() - started.shift());
    addEventListener('pointermove', (event) => {
        started.push(event.timeStamp);
        requestAnimationFrame(() => channel.port2.postMessage(0));
    }, { capture: true });
}"""
# From the click on a row to the frame that shows the film with its points.
_OPEN_CASE = """async (id) => {
    const model = await import('/static/model.js');
    const done = new Promise((shown) => model.on('film', () => requestAnimationFrame(() => setTimeout(shown))));
    const start = performance.now();
    document.getElementById(`case-${id}`).click();
    await done;
    return performance.now() - start;
}"""
_SEARCH = """async (words) => {
    const input = document.querySelector('#side input[type=search]');
    const start = performance.now();
    input.value = words;
    input.dispatchEvent(new Event('input'));
    await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
    return performance.now() - start;
}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, help="model whose prediction of a film is timed as well")
    parser.add_argument("--film", type=Path, help=f"film to open (default: a drawn one of {_FILM[1]} x {_FILM[0]} px)")
    parser.add_argument("--kills", type=int, default=0, help="how often the server is killed with -9 while it saves")
    parser.add_argument("--flood", type=int, default=0, help="requests that are sent at once")
    parser.add_argument("--chromium", default=_CHROMIUM, help=f"browser (default: {_CHROMIUM})")


def run(args: argparse.Namespace) -> dict:
    """Prints the table and returns its figures."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _fill(folder / "few", args.film, num=3)
        _fill(folder / "many", args.film, num=3, rows=5000)
        with served(folder / "few", args.checkpoint) as (process, address):
            time.sleep(1.0)
            figures["server memory, idle, MiB"] = memory_mib(process.pid)
            figures |= _in_browser(address, args.chromium, args.checkpoint is not None)
        with served(folder / "many", None) as (_, address):
            figures |= _long_list(address, args.chromium)
        if args.flood:
            with served(folder / "few", None) as (process, address):
                figures |= flood(process.pid, address, args.flood)
        if args.kills:
            figures |= kill_many(folder / "few", args.kills, served)
    print(format_table(["figure", "value"], [[name, f"{value:.1f}"] for name, value in figures.items()]))
    return figures


def _fill(folder: Path, film: Path | None, *, num: int, rows: int = 0) -> None:
    """Films with 27 points each; `rows` more cases without a film that can be read."""
    folder.mkdir()
    shape = aariz_shape()
    pixels = np.random.default_rng(0).integers(0, 255, _FILM, dtype=np.uint8)
    content = film.read_bytes() if film else cv2.imencode(".png", cv2.GaussianBlur(pixels, (0, 0), 5))[1].tobytes()
    for number in range(num):
        # another byte at the end makes another film
        (folder / f"{number}{film.suffix if film else '.png'}").write_bytes(content + bytes([number]))
    store = Store(folder)
    scan(store)
    points = shape.mean * 11 + (700, 700)
    found = {s: {"x": float(x), "y": float(y), "peak": 0.9, "radius": 20.0, "coverage": 0.9, "doubtful": s == "Go"}
             for s, (x, y) in zip(shape.symbols, points, strict=True)}  # fmt: skip
    for row in store.summaries():
        keep_prediction(store, row["id"], {"model": "benchmark", "points": found})
    insert = "INSERT INTO cases (path, title, size, modified, added, missing) VALUES (?, ?, 1, 0, ?, 1)"
    store.write([(insert, (f"gone/{n}.png", f"film {n:05d}", now())) for n in range(rows)])
    store.close()


@contextlib.contextmanager
def served(folder: Path, checkpoint: Path | None = None) -> Iterator[tuple[subprocess.Popen, str]]:
    """The page over a folder in a process of its own, and its address."""
    words = [sys.executable, "-m", "landmarks", "review", str(folder), "--port", "0", "--no-browser"]
    words += ["--checkpoint", str(checkpoint)] if checkpoint else []
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, process.stdout.readline().strip()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)


@contextlib.contextmanager
def _browser(chromium: str):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=_FLAGS)
        yield browser
        browser.close()


def _in_browser(address: str, chromium: str, predicts: bool) -> dict[str, float]:
    with _browser(chromium) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address)
        page.wait_for_selector("body.ready")
        page.wait_for_selector("#case-1")
        first = page.evaluate(_OPEN_CASE, 1)
        before = processor_ms(os.getpid())
        opened = [page.evaluate(_OPEN_CASE, case) for case in (2, 3, 1, 2, 3, 1)]
        opening = (processor_ms(os.getpid()) - before) / len(opened)
        page.evaluate(_WATCH_FRAMES)
        before = processor_ms(os.getpid())
        frames = _drag(page)
        dragging = (processor_ms(os.getpid()) - before) / len(frames)
        figures = {
            "opening a case that is not in the cache, ms": first,
            "opening a case, median, ms": statistics.median(opened),
            "opening a case, processor time of browser and server, ms": opening,
            "dragging, pointer to frame, median, ms": statistics.median(frames),
            "dragging, pointer to frame, p95, ms": float(np.percentile(frames, 95)),
            "dragging, processor time of browser and server a frame, ms": dragging,
        }
        if predicts:
            figures |= _predict(page)
        return figures


def _drag(page) -> list[float]:
    box = page.locator(".point[data-symbol=A] .shape").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(300):
        page.mouse.move(x + 60 * np.sin(step / 15), y + 60 * np.cos(step / 15))
    page.mouse.up()
    return page.evaluate("window.__frames")


def _predict(page) -> dict[str, float]:
    """The second prediction: the model is loaded then."""
    seconds = []
    for _ in range(2):
        page.click("[role=tab][data-name=case]")
        before = page.evaluate("performance.now()")
        page.click("#predict-again")
        page.wait_for_selector(".queue:not([hidden])")
        page.wait_for_selector(".queue", state="hidden", timeout=120_000)
        seconds.append((page.evaluate("performance.now()") - before) / 1000)
    return {"prediction with loading the model, s": seconds[0], "prediction of a film, s": seconds[1]}


def _long_list(address: str, chromium: str) -> dict[str, float]:
    with _browser(chromium) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        start = time.perf_counter()
        page.goto(address)
        page.wait_for_selector("body.ready #case-1")
        ready = time.perf_counter() - start
        found = [page.evaluate(_SEARCH, words) for words in ("film 04", "film 04321", "")]
        return {"5,000 cases, page to list, ms": ready * 1000, "5,000 cases, search, slowest, ms": max(found)}
