"""The page under force: killed while it saves, and asked by thousands at once."""

import contextlib
import http.client
import json
import os
import random
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from landmarks.review.store import Store


def memory_mib(pid: int) -> float:
    """Proportional memory of a process and its children, MiB (Linux)."""
    total = 0
    for process in (pid, *_children(pid)):
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8").splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="utf-8").split():
            found.append(int(child))
            with contextlib.suppress(OSError):
                found += _children(int(child))
    return found


def processor_ms(pid: int) -> float:
    """Processor time that a process's children have taken so far, ms; hardly depends on what else runs (Linux)."""
    ticks = 0
    for child in _children(pid):
        try:
            fields = Path(f"/proc/{child}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has just ended
        ticks += int(fields[11]) + int(fields[12])
    return 1000 * ticks / os.sysconf("SC_CLK_TCK")


class Client:
    """One window's requests."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.host = parts.netloc
        self._connection = http.client.HTTPConnection(self.host, timeout=20)
        self._connection.request("GET", f"/?{parts.query}")
        answer = self._connection.getresponse()
        answer.read()
        self.cookie = answer.getheader("set-cookie").split(";")[0]

    def ask(self, method: str, path: str, body: dict | None = None) -> dict:
        headers = {"cookie": self.cookie, "origin": f"http://{self.host}"}
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        content = json.loads(answer.read())
        if answer.status != 200:
            raise OSError(content)
        return content


def kill_many(folder: Path, kills: int, served: Callable) -> dict[str, float]:
    """Kills the server at random moments of a session of corrections; what it confirmed has to be in the store."""
    rng, lost, saved, unsound = random.Random(0), 0, 0, 0
    for _ in range(kills):
        confirmed: dict[str, float] = {}
        with served(folder) as (process, address):
            client = Client(address)
            facts = client.ask("GET", "/api/cases/1")["facts"]
            timer = threading.Timer(rng.uniform(0.02, 0.8), os.kill, (process.pid, signal.SIGKILL))
            timer.start()
            saved += _correct(client, facts, rng, confirmed)
            timer.join()
            process.wait()
        store = Store(folder)
        values = store.values(1)
        lost += sum(values[field]["x"] != x for field, x in confirmed.items())
        unsound += not store.sound()
        store.close()
    return {"kills": kills, "corrections confirmed": saved, "confirmed corrections lost": lost, "stores not sound": unsound}


def _correct(client: Client, facts: dict, rng: random.Random, confirmed: dict[str, float]) -> int:
    """Moves points until the server is gone. A request without an answer may be saved or not: its field does not count."""
    saved = 0
    seen = {field: fact["action"] for field, fact in facts.items() if field.startswith("point/")}
    while True:
        field, x = rng.choice(list(seen)), round(rng.uniform(0, 1900), 3)
        point = {"x": x, "y": 10.0, "visible": True, "by": "hand"}
        change = {"field": field, "value": point, "seen": seen[field]}
        confirmed.pop(field, None)
        try:
            sent = {"kind": "move", "who": "benchmark", "window": "w", "changes": [change]}
            seen[field] = client.ask("POST", "/api/cases/1/actions", sent)["id"]
        except (OSError, http.client.HTTPException, ValueError):
            return saved
        confirmed[field] = x
        saved += 1


def flood(pid: int, address: str, num: int) -> dict[str, float]:
    """Sends `num` requests at once, and slow ones that never end; a window's own request has to pass meanwhile."""
    client, before = Client(address), memory_mib(pid)
    host, port = client.host.split(":")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, num + 1000), most))
    head = f"GET /api/cases HTTP/1.1\r\nHost: {client.host}\r\nCookie: {client.cookie}\r\n"
    slow = f"POST /api/films HTTP/1.1\r\nHost: {client.host}\r\nCookie: {client.cookie}\r\nOrigin: http://{client.host}\r\n"
    opened, answered = [], 0
    for number in range(num):
        try:
            connection = socket.create_connection((host, int(port)), timeout=5)
            text = (head + "\r\n", head, slow + "Content-Length: 1000000\r\n\r\nx")[number % 3]
            connection.sendall(text.encode())
            opened.append(connection)
        except OSError:
            break
    peak = memory_mib(pid)
    for connection in opened[::3]:
        try:
            answered += connection.recv(16).startswith(b"HTTP/1.1")
        except OSError:
            continue
    for connection in opened:
        connection.close()
    waited = _until_served(address)
    return {
        "requests at once": len(opened),
        "whole requests that were answered": answered,
        "memory before, MiB": before,
        "memory under the flood, MiB": peak,
        "memory after, MiB": memory_mib(pid),
        "served again after, s": waited,
    }


def _until_served(address: str) -> float:
    start = time.perf_counter()
    while time.perf_counter() - start < 60:
        try:
            Client(address).ask("GET", "/api/cases")
            return time.perf_counter() - start
        except (OSError, http.client.HTTPException, AttributeError, ValueError):
            time.sleep(0.2)
    raise ValueError("the page did not answer within a minute of the flood")
