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

from landmarks.benchmark.chromium import Chromium
from landmarks.benchmark.review_store import flood, kill_many, memory_mib, processor_ms
from landmarks.metrics import format_table
from landmarks.review.folder import scan
from landmarks.review.jobs import keep_prediction
from landmarks.review.store import Store, now
from landmarks.schema import AARIZ29
from landmarks.template import shape_statistics

_CHROMIUM = "/usr/bin/chromium"
_FILM = (2400, 1935)
_WINDOW = (1280, 800)
_MOUSE_HZ = 125  # of an ordinary mouse
_MOVES = 500
_READY = "document.querySelector('#case-1') && document.body.classList.contains('ready')"
# What a frame costs at least in this browser on this machine: a page of one box that follows the pointer.
_EMPTY = """(() => {
    document.body.style.cssText = 'margin: 0; height: 100vh; background: #111';
    const box = document.body.appendChild(document.createElement("div"));
    box.style.cssText = 'position: absolute; width: 20px; height: 20px; background: red; will-change: transform';
    addEventListener('pointermove', (event) => { box.style.transform = `translate(${event.clientX}px, ${event.clientY}px)`; });
})()"""
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
_WHERE_A = """(() => {
    const box = document.querySelector('.point[data-symbol=A] .shape').getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
})()"""
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
    """Films with 29 points each; `rows` more cases without a film that can be read."""
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, _FILM, dtype=np.uint8)
    content = film.read_bytes() if film else cv2.imencode(".png", cv2.GaussianBlur(pixels, (0, 0), 5))[1].tobytes()
    for number in range(num):
        # another byte at the end makes another film
        (folder / f"{number}{film.suffix if film else '.png'}").write_bytes(content + bytes([number]))
    store = Store(folder)
    scan(store)
    points = shape_statistics()[0] * 11 + (700, 700)
    found = {s: {"x": float(x), "y": float(y), "peak": 0.9, "radius": 20.0, "coverage": 0.9, "doubtful": s == "Go"}
             for s, (x, y) in zip(AARIZ29.symbols, points, strict=True)}  # fmt: skip
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


def _in_browser(address: str, chromium: str, predicts: bool) -> dict[str, float]:
    with Chromium(chromium, *_WINDOW) as page:
        page.open(address)
        page.until(_READY)
        first = page.evaluate(f"({_OPEN_CASE})(1)")
        time.sleep(2.0)  # the next film is decoded meanwhile, as it is while one looks at the first
        before = processor_ms(os.getpid())
        opened = [page.evaluate(f"({_OPEN_CASE})({case})") for case in (2, 3, 1, 2, 3, 1)]
        opening = (processor_ms(os.getpid()) - before) / len(opened)
        figures = {
            "opening a case that is not in the cache, ms": first,
            "opening a case, median, ms": statistics.median(opened),
            "opening a case, processor time of browser and server, ms": opening,
        }
        time.sleep(1.0)
        figures |= _drag(page, *page.evaluate(_WHERE_A))
        if predicts:
            figures |= _predict(page)
    with Chromium(chromium, *_WINDOW) as page:
        page.evaluate(_EMPTY)
        floor = _drag(page, _WINDOW[0] / 2, _WINDOW[1] / 2)
    return figures | {f"an empty page, {name}": value for name, value in floor.items()}


def _drag(page: Chromium, x: float, y: float) -> dict[str, float]:
    """A circle of the pointer, as fast as a mouse tells its place."""
    page.evaluate(f"({_WATCH_FRAMES})()")
    page.start_trace("input,benchmark,latencyInfo")
    before = processor_ms(os.getpid())
    page.mouse("mouseMoved", x, y)
    page.mouse("mousePressed", x, y, pressed=True)
    start = time.perf_counter()
    for step in range(1, _MOVES + 1):
        turn = step / 25
        page.mouse("mouseMoved", x + 60 * np.sin(turn), y + 60 * (np.cos(turn) - 1), pressed=True, wait=False)
        time.sleep(max(0.0, start + step / _MOUSE_HZ - time.perf_counter()))
    frames = page.evaluate("window.__frames")
    page.mouse("mouseReleased", x, y)
    used = processor_ms(os.getpid()) - before
    shown = presented_ms(page.stop_trace())
    return {
        "dragging, pointer to frame, median, ms": statistics.median(frames),
        "dragging, pointer to frame, p95, ms": float(np.percentile(frames, 95)),
        "dragging, pointer to frame on the screen, median, ms": statistics.median(shown),
        "dragging, pointer to frame on the screen, p95, ms": float(np.percentile(shown, 95)),
        "dragging, processor time of browser and server a movement, ms": used / _MOVES,
    }


def presented_ms(trace: list[dict]) -> list[float]:
    """Chromium's own record of a drag: ms from each movement to the frame on the screen that shows it, or a later movement.

    Chromium ends the record of a movement that a newer one overtakes before the page hears of it; it counts until the
    frame of the newer one.
    """
    began, heard, shown = {}, {}, {}
    moves = []
    for event in sorted(trace, key=lambda event: event["ts"]):
        key = event.get("id2", {}).get("local")
        if event["name"] == "EventLatency" and event["ph"] == "b":
            heard.pop(key, None)
            began[key] = event["args"]["event_latency"]["event_type"] == "MOUSE_DRAGGED"
            if began[key]:
                moves.append(event["ts"])
        elif not began.get(key):
            continue
        elif event["name"] == "RendererMainProcessing" and event["ph"] == "b":
            heard[key] = event["ts"]
        elif event["name"] == "SwapEndToPresentationCompositorFrame" and event["ph"] == "e" and key in heard:
            shown[event["ts"]] = max(shown.get(event["ts"], 0), heard[key])
    found = []
    for end in sorted(shown):
        found += [(end - move) / 1000 for move in moves if move <= shown[end]]
        moves = [move for move in moves if move > shown[end]]
    return found


def _predict(page: Chromium) -> dict[str, float]:
    """The second prediction: the model is loaded then."""
    seconds = []
    for _ in range(2):
        page.evaluate("document.querySelector('[role=tab][data-name=case]').click()")
        start = time.perf_counter()
        page.evaluate("document.getElementById('predict-again').click()")
        page.until("document.querySelector('.queue:not([hidden])')")
        page.until("!document.querySelector('.queue:not([hidden])')", seconds=120)
        seconds.append(time.perf_counter() - start)
    return {"prediction with loading the model, s": seconds[0], "prediction of a film, s": seconds[1]}


def _long_list(address: str, chromium: str) -> dict[str, float]:
    with Chromium(chromium, *_WINDOW) as page:
        page.open(address.split("?")[0])  # refused without its token: the browser itself has started then
        time.sleep(1.0)
        start = time.perf_counter()
        page.open(address)
        page.until(_READY)
        ready = time.perf_counter() - start
        found = [page.evaluate(f"({_SEARCH})({words!r})") for words in ("film 04", "film 04321", "")]
        return {"5,000 cases, page to list, ms": ready * 1000, "5,000 cases, search, slowest, ms": max(found)}
