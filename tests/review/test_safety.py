"""Nothing gets in that should not, and nothing that comes in stops the page."""

import json
import socket
import struct
import zlib

import pytest

from tests.review.conftest import fill_folder, start_server, stop_server


@pytest.fixture(scope="module")
def page(tmp_path_factory, heads):
    server = start_server(fill_folder(tmp_path_factory.mktemp("attacked") / "films", heads))
    yield server
    stop_server(server)


def raw(server, text: bytes) -> int:
    """Status of the answer to bytes that no client would send; 0 where the connection is closed without one."""
    name, port = server.host.split(":")
    with socket.create_connection((name, int(port)), timeout=20) as connection:
        connection.sendall(text.replace(b"HOST", server.host.encode()).replace(b"COOKIE", server.cookie.encode()))
        head = connection.recv(200)
    return int(head.split()[1]) if head else 0


def act(server, changes: object, **more) -> int:
    sent = {"kind": "move", "who": "x", "window": "w", "changes": changes} | more
    return server.ask("POST", "/api/cases/1/actions", sent)[0]


def change(field: str, value: object, seen: object = 0) -> list:
    return [{"field": field, "value": value, "seen": seen}]


def point(**more) -> dict:
    return {"x": 1.0, "y": 2.0, "visible": True, "by": "hand"} | more


def png(width: int, height: int) -> bytes:
    """A PNG that says it is that large, with a handful of bytes inside."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    content = zlib.compress(b"\0" * 10_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def opened(server, content: bytes, name: str) -> int:
    """Status of opening a film that was uploaded."""
    status, _, answer = server.ask("POST", "/api/films", content, x_file_name=name)
    assert status == 200, answer
    return server.ask("GET", f"/api/cases/{json.loads(answer)['case']['id']}")[0]


def measured(server, **sent) -> int:
    return server.ask("POST", "/api/measure", {"points": {}, "analysis": "steiner"} | sent)[0]


def started(server, **sent) -> int:
    return server.ask("POST", "/api/runs", {"name": "attack", "recipe": "demo", "settings": {}, "data": "recipe"} | sent)[0]


GET_HEAD = b" HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n"
DEEP = b"[" * 100_000
SQL = "'; DROP TABLE cases; --"
ATTACKS = {
    "no cookie": (lambda s: s.ask("GET", "/", cookie=None)[0], 401),
    "no cookie, list": (lambda s: s.ask("GET", "/api/cases", cookie=None)[0], 401),
    "no cookie, events": (lambda s: s.ask("GET", "/api/events", cookie=None)[0], 401),
    "no cookie, script": (lambda s: s.ask("GET", "/static/main.js", cookie=None)[0], 401),
    "no cookie, change": (lambda s: s.ask("POST", "/api/cases/1/actions", {}, cookie=None)[0], 401),
    "wrong token": (lambda s: s.ask("GET", "/?token=guess", cookie=None)[0], 401),
    "empty token": (lambda s: s.ask("GET", "/?token=", cookie=None)[0], 401),
    "longer token": (lambda s: s.ask("GET", f"/{s.address.split('/')[-1]}x", cookie=None)[0], 401),
    "token on another path": (lambda s: s.ask("GET", f"/api/cases{s.address.split('/')[-1]}", cookie=None)[0], 401),
    "wrong cookie": (lambda s: s.ask("GET", "/", cookie=s.cookie + "x")[0], 401),
    "broken cookie": (lambda s: s.ask("GET", "/", cookie='a="\x01;;;=')[0], 401),
    "rebinding host": (lambda s: s.ask("GET", "/api/cases", host="evil.example")[0], 421),
    "rebinding host with port": (lambda s: s.ask("GET", "/api/cases", host=f"evil.example:{s.host[-5:]}")[0], 421),
    "host of another port": (lambda s: s.ask("GET", "/api/cases", host="127.0.0.1:1")[0], 421),
    "no host": (lambda s: raw(s, b"GET /api/cases HTTP/1.0\r\nCookie: COOKIE\r\n\r\n"), 421),
    "two hosts": (lambda s: raw(s, b"GET / HTTP/1.1\r\nHost: HOST\r\nHost: evil\r\nCookie: COOKIE\r\n\r\n"), 400),
    "cross-site post": (lambda s: s.ask("POST", "/api/scan", {}, origin="http://evil.example")[0], 403),
    "post without origin": (lambda s: s.ask("POST", "/api/scan", {}, origin=None)[0], 403),
    "post from a sandbox": (lambda s: s.ask("POST", "/api/scan", {}, origin="null")[0], 403),
    "post from another port": (lambda s: s.ask("POST", "/api/scan", {}, origin="http://127.0.0.1:1")[0], 403),
    "post that says cross-site": (lambda s: s.ask("POST", "/api/scan", {}, sec_fetch_site="cross-site")[0], 403),
    "cross-site read": (lambda s: s.ask("GET", "/api/cases", origin="http://evil.example")[0], 403),
    "dots": (lambda s: raw(s, b"GET /static/../store.py" + GET_HEAD), 404),
    "encoded dots": (lambda s: raw(s, b"GET /static/%2e%2e/store.py" + GET_HEAD), 404),
    "encoded slashes": (lambda s: raw(s, b"GET /static/..%2f..%2f..%2fsetup.cfg" + GET_HEAD), 404),
    "backslashes": (lambda s: raw(s, b"GET /static/..\\store.py" + GET_HEAD), 404),
    "absolute path": (lambda s: raw(s, b"GET //etc/passwd" + GET_HEAD), 404),
    "absolute path below static": (lambda s: raw(s, b"GET /static//etc/passwd" + GET_HEAD), 404),
    "NUL in a path": (lambda s: raw(s, b"GET /static/main.js%00.css" + GET_HEAD), 404),
    "NUL in a case": (lambda s: raw(s, b"GET /api/cases/1%00/pixels" + GET_HEAD), 404),
    "no number": (lambda s: s.ask("GET", "/api/cases/1;DROP")[0], 404),
    "no such case": (lambda s: s.ask("GET", "/api/cases/4711")[0], 404),
    "a case beyond 64 bits": (lambda s: s.ask("GET", f"/api/cases/{10**30}")[0], 400),
    "PUT": (lambda s: s.ask("PUT", "/api/cases/1", {})[0], 405),
    "DELETE": (lambda s: s.ask("DELETE", "/api/cases/1")[0], 405),
    "TRACE": (lambda s: s.ask("TRACE", "/")[0], 405),
    "no HTTP": (lambda s: raw(s, b"\x16\x03\x01 hello\r\n\r\n"), 400),
    "a head without end": (lambda s: raw(s, b"GET / HTTP/1.1\r\nHost: HOST\r\nX: " + b"a" * 300_000), 400),
    "no JSON": (lambda s: s.ask("POST", "/api/cases/1/actions", b"\xff\xfe")[0], 400),
    "deep JSON": (lambda s: s.ask("POST", "/api/cases/1/actions", DEEP)[0], 400),
    "large JSON": (lambda s: s.ask("POST", "/api/measure", b" " * 600_000)[0], 413),
    "an upload that says it is huge": (lambda s: s.ask("POST", "/api/films", b"x", content_length="999999999999")[0], 413),
    "NaN": (lambda s: act(s, change("point/S", point(x=float("nan")))), 400),
    "a number without end": (lambda s: act(s, change("point/S", point(x=10**400))), 400),
    "true for a number": (lambda s: act(s, change("point/S", point(x=True))), 400),
    "a field of the model": (lambda s: act(s, change("auto/S", point())), 400),
    "SQL as a field": (lambda s: act(s, change(f"point/{SQL}", point())), 400),
    "SQL as a note": (lambda s: act(s, change("note", SQL), kind="note", who=SQL), 200),
    "SQL as an analysis": (lambda s: measured(s, analysis=SQL), 200),
    "half a surrogate": (lambda s: act(s, change("patient", "a\ud800"), kind="patient", who="\udfff"), 200),
    "thousands of changes": (lambda s: act(s, change("point/S", point()) * 1000), 400),
    "a stranger's undo": (lambda s: act(s, change("date", "2026-01-01"), reverses=10**9), 400),
    "a scale of nothing": (lambda s: act(s, change("scale", {"sx": 0, "sy": 0, "origin": "given by the user"})), 400),
    "markup as a symbol": (lambda s: measured(s, points={"<svg onload=alert(1)>": [1, 2]}), 400),
    "dots in a run": (lambda s: raw(s, b"GET /api/runs/..%2f..%2fetc" + GET_HEAD), 404),
    "an absolute path as a run": (lambda s: raw(s, b"GET /api/runs/%2fetc" + GET_HEAD), 404),
    "dots in a picture": (lambda s: raw(s, b"GET /api/runs/x/pictures/..%2f..%2fconfig" + GET_HEAD), 404),
    "dots in a recipe": (lambda s: raw(s, b"GET /api/recipes/..%2fsetup" + GET_HEAD), 404),
    "an unknown act on a run": (lambda s: s.ask("POST", "/api/runs/x/remove", {})[0], 404),
    "a run with dots": (lambda s: started(s, name="../x"), 400),
    "a run as an option": (lambda s: started(s, name="--resume"), 400),
    "a run without a recipe": (lambda s: started(s, recipe="/etc/passwd"), 404),
    "a path as a setting": (lambda s: started(s, settings={"model.init_from": "/etc/passwd"}), 400),
    "a root as a setting": (lambda s: started(s, settings={"data.root": "/"}), 400),
    "two lines as a setting": (lambda s: started(s, settings={"train.epochs": "1\ndata.root=/"}), 400),
    "an expression as a setting": (lambda s: started(s, settings={"train.epochs": "${oc.env:HOME}"}), 400),
    "data outside its folder": (lambda s: started(s, data="folder/../.."), 400),
    "a path to start from": (lambda s: started(s, start_from="/etc/passwd"), 404),
    "a path as a model": (lambda s: s.ask("POST", "/api/models", {"model": "/etc/passwd"})[0], 404),
    "adapting a path": (lambda s: s.ask("POST", "/api/adapt", {"model": "../x.pt"})[0], 404),
    "a training from another site": (lambda s: s.ask("POST", "/api/runs", {}, origin="http://evil.example")[0], 403),
    "a bomb": (lambda s: opened(s, png(60_000, 60_000), "bomb.png"), 422),
    "a film of text": (lambda s: opened(s, b"<script>alert(1)</script>", "x.png"), 422),
    "an empty DICOM": (lambda s: opened(s, b"\0" * 128 + b"DICM", "x.dcm"), 422),
    "dots in a name": (lambda s: opened(s, png(3000, 3000), "..%2f..%2f..%2fetc%2fcron.d%2fx.png"), 200),
    "a name of Windows": (lambda s: opened(s, png(3001, 3000), "C:%5C..%5Cx%00y.png"), 200),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(page, name):
    attack, expected = ATTACKS[name]
    assert attack(page) == expected


def test_after_all_attacks_the_page_is_as_it_was(page, tmp_path):
    cases = page.json("GET", "/api/cases")
    assert [case["title"] for case in cases][:3] == ["a", "b", "c"]
    assert {"x", "x y", "xy"} >= {case["title"] for case in cases[3:]} - {"bomb"}
    assert not any(run["name"] == "attack" for run in page.json("GET", "/api/runs")["runs"])
    assert page.json("GET", "/api/cases/1")["facts"]["note"]["value"] == SQL
    assert page.move(1, "S", 5.0, 6.0, seen=page.json("GET", "/api/cases/1")["facts"]["point/S"]["action"])[0] == 200
    status, headers, _ = page.ask("GET", "/")
    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]


def test_the_cookie_is_strict_and_the_token_leaves_the_address(page):
    status, headers, _ = page.ask("GET", f"/{page.address.split('/')[-1]}", cookie=None)
    assert (status, headers["location"]) == (303, "/")
    assert "httponly" in headers["set-cookie"].lower()
    assert "samesite=strict" in headers["set-cookie"].lower()


def test_another_host_needs_a_password(films, capfd):
    from landmarks.commands.program import run

    assert run("review", [str(films), "--host", "0.0.0.0", "--no-browser"]) == 2
    assert "--password" in capfd.readouterr().err
