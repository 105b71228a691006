"""A folder of films with points, the page over it in a process of its own, and a browser where there is one."""

import http.client
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

pytest.importorskip("starlette", reason="the extra 'review' is not installed")

import landmarks
from landmarks.review.folder import scan
from landmarks.review.jobs import keep_prediction
from landmarks.review.store import Store

SHAPE = Path(landmarks.__file__).parent / "aariz_shape.json"
BROWSERS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
ARGUMENTS = [
    f"--{word}"
    for word in (
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
    )
]


@pytest.fixture(scope="session")
def heads() -> list[tuple[bytes, dict[str, tuple[float, float]]]]:
    """Three drawn films as PNG, each with the 27 points of the mean head, moved a little."""
    shape, found = json.loads(SHAPE.read_text()), []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        points = np.array(shape["mean"]) * 4 + (200, 240) + rng.normal(0, 3, (len(shape["mean"]), 2))
        pixels = cv2.GaussianBlur(rng.integers(0, 255, (760, 640), dtype=np.uint8), (0, 0), 3)
        for x, y in points:
            cv2.circle(pixels, (round(x), round(y)), 5, 255, -1)
        places = {symbol: (float(x), float(y)) for symbol, (x, y) in zip(shape["symbols"], points, strict=True)}
        found.append((cv2.imencode(".png", pixels)[1].tobytes(), places))
    return found


def fill_folder(folder: Path, heads: list) -> Path:
    """The films as cases a, b and c, predicted: Go and B are doubtful."""
    folder.mkdir(exist_ok=True)
    for name, (content, _) in zip("abc", heads, strict=True):
        (folder / f"{name}.png").write_bytes(content)
    store = Store(folder)
    scan(store)
    for row, (_, points) in zip(store.summaries("ORDER BY c.title"), heads, strict=True):
        keep_prediction(store, row["id"], {"model": "test model", "points": predicted(points)})
    store.close()
    return folder


def predicted(points: dict) -> dict:
    return {
        symbol: {"x": x, "y": y, "peak": 0.9, "radius": 12.0, "coverage": 0.9, "doubtful": symbol in ("Go", "B")}
        for symbol, (x, y) in points.items()
    }


@pytest.fixture
def films(tmp_path, heads) -> Path:
    return fill_folder(tmp_path / "films", heads)


@pytest.fixture
def blank_film() -> bytes:
    """A PNG whose content differs from every other's."""
    pixels = np.random.default_rng().integers(0, 255, (90, 70), dtype=np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


@dataclass
class Server:
    """The page in its own process, and a client that has its cookie."""

    process: subprocess.Popen
    address: str
    cookie: str = ""
    extra: dict = field(default_factory=dict)

    @property
    def host(self) -> str:
        return urlsplit(self.address).netloc

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, dict, bytes]:
        """Status, headers and body; headers given as None are left out."""
        connection = http.client.HTTPConnection(self.host, timeout=30)
        sent = {"cookie": self.cookie, "origin": self.origin} | {name.replace("_", "-"): text for name, text in headers.items()}
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, content, {name: text for name, text in sent.items() if text is not None})
            answer = connection.getresponse()
            return answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def json(self, method: str, path: str, body: object = None) -> dict:
        status, _, content = self.ask(method, path, body)
        assert status == 200, (status, content[:300])
        return json.loads(content)

    def login(self) -> None:
        parts = urlsplit(self.address)
        status, headers, _ = self.ask("GET", f"{parts.path}?{parts.query}", cookie=None)
        assert status == 303
        self.cookie = headers["set-cookie"].split(";")[0]

    def move(self, case: int, symbol: str, x: float, y: float, seen: int, **more) -> tuple[int, dict]:
        point = {"x": x, "y": y, "visible": True, "by": "hand"}
        change = {"field": f"point/{symbol}", "value": point, "seen": seen}
        sent = {"kind": "move", "who": "Dr. A", "window": "w", "changes": [change]} | more
        status, _, content = self.ask("POST", f"/api/cases/{case}/actions", sent)
        return status, json.loads(content)


def start_server(folder: Path, *words: str) -> Server:
    command = [
        sys.executable,
        "-c",
        "import sys; from landmarks.commands.program import run; sys.exit(run('review', sys.argv[1:]))",
    ]
    # asyncio's debug mode and warnings of the test process do not concern the page's process
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONWARNINGS"}
    process = subprocess.Popen(
        [*command, str(folder), "--port", "0", "--no-browser", *words], stdout=subprocess.PIPE, text=True, env=environment
    )
    server = Server(process, process.stdout.readline().strip())
    assert server.address, "the page did not start"
    server.login()
    return server


def stop_server(server: Server) -> int:
    server.process.terminate()
    code = server.process.wait(20)
    server.process.stdout.close()
    return code


@pytest.fixture
def server(films):
    server = start_server(films)
    yield server
    stop_server(server)


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium through Playwright."""
    program = next((path for path in BROWSERS if Path(path).is_file()), None)
    if program is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=program, headless=True, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, server):
    """Opens windows of the page, each a user of its own; an error in the page's scripts fails the test."""
    contexts, errors = [], []

    def opened(*, width: int = 1280, height: int = 800, who: str = "Dr. A", **more):
        context = browser.new_context(viewport={"width": width, "height": height}, locale="en-GB", **more)
        contexts.append(context)
        context.add_init_script(f"localStorage.setItem('who', localStorage.getItem('who') ?? {json.dumps(who)})")
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(server.address)
        page.wait_for_selector("body.ready")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not errors
