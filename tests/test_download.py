"""Getting a published data set, from a local server that answers as figshare does."""

import hashlib
import io
import json
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from landmarks import download as d
from landmarks.commands import get_data
from landmarks.commands.program import run


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as content:
        for name, data in members.items():
            content.writestr(name, data)
    return buffer.getvalue()


class Server(ThreadingHTTPServer):
    """An article with one file; `cut` bytes are sent of each answer, `ranges` says whether it can resume."""

    daemon_threads = True
    content, md5, cut, ranges, status = b"", None, None, True, 200
    requests: list

    def handle_error(self, request, client_address) -> None:
        pass  # a connection that the client closed


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        server.requests.append(self.headers.get("Range"))
        if self.path.startswith("/v2/articles/"):
            md5 = server.md5 or hashlib.md5(server.content).hexdigest()
            url = f"http://127.0.0.1:{server.server_port}/file"
            file = {"id": 1, "name": "Set.zip", "size": len(server.content), "download_url": url, "computed_md5": md5}
            self._send(200, json.dumps({"id": 7, "files": [file]}).encode())
        elif server.status != 200:
            self._send(server.status, b"")
        else:
            start = int(self.headers["Range"][6:-1]) if self.headers.get("Range") and server.ranges else 0
            self._send(206 if start else 200, server.content[start:], start, server.cut)

    def _send(self, status: int, body: bytes, start: int = 0, cut: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{start + len(body)}")
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Handler) as running:
        running.content, running.requests = archive({"Set/train/a.txt": b"a" * 5000, "Set/b.txt": b"b"}), []
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def fetch(server, target):
    file = d.article_file(7, "Set.zip", api=f"http://127.0.0.1:{server.server_port}/v2")
    d.download(file, target, progress=lambda have: None, pause=0)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_connection_is_resumed(server, tmp_path, ranges):
    server.cut, server.ranges = 2000, ranges
    target = tmp_path / "Set.zip"
    if not ranges:  # each answer starts from the beginning and is cut: it ends with a line, and the part is kept
        with pytest.raises(d.DownloadError, match=r"connection lost at 2,000 of .* the same command resumes"):
            fetch(server, target)
        server.cut = None
    fetch(server, target)
    assert target.read_bytes() == server.content
    assert [path.name for path in tmp_path.iterdir()] == ["Set.zip"]
    assert "bytes=2000-" in server.requests
    assert ("bytes=4000-" in server.requests) == ranges


def test_a_wrong_sum_is_refused_and_removed(server, tmp_path):
    server.md5 = "0" * 32
    with pytest.raises(d.DownloadError, match=r"expected 00000.*run the command again"):
        fetch(server, tmp_path / "Set.zip")
    assert not list(tmp_path.glob("Set*"))


def test_errors_of_the_server_are_one_line(server, tmp_path):
    server.status = 404
    with pytest.raises(d.DownloadError, match="answered 404"):
        fetch(server, tmp_path / "Set.zip")
    with pytest.raises(d.DownloadError, match=r"no file Other\.zip; it has Set\.zip"):
        d.article_file(7, "Other.zip", api=f"http://127.0.0.1:{server.server_port}/v2")
    with pytest.raises(d.DownloadError, match=r"not reachable \(Connection refused\); download Set\.zip in a browser"):
        d.article_file(7, "Set.zip", api="http://127.0.0.1:9/v2")


def test_a_full_disk_is_found_before_the_work(server, tmp_path, monkeypatch):
    monkeypatch.setattr(d.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 100})())
    with pytest.raises(d.DownloadError, match="GiB are free"):
        fetch(server, tmp_path / "Set.zip")


def test_an_archive_unpacks_without_its_top_folder(server, tmp_path):
    (tmp_path / "Set.zip").write_bytes(server.content)
    d.unpack(tmp_path / "Set.zip", tmp_path / "set", progress=lambda count: None)
    assert (tmp_path / "set" / "train" / "a.txt").read_bytes() == b"a" * 5000
    assert (tmp_path / "set" / "b.txt").is_file()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:/evil"])
def test_an_archive_that_leads_elsewhere_is_refused(tmp_path, name):
    (tmp_path / "Set.zip").write_bytes(archive({"good": b"1", name: b"2"}))
    with pytest.raises(d.DownloadError, match="leads out"):
        d.unpack(tmp_path / "Set.zip", tmp_path / "set", progress=lambda count: None)
    assert [path.name for path in tmp_path.iterdir()] == ["Set.zip"]


def test_links_and_damage_leave_nothing_behind(server, tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as content:
        content.writestr(link, "/etc/passwd")
    damaged = bytearray(server.content)
    damaged[60] ^= 255
    (tmp_path / "damaged.zip").write_bytes(damaged)
    (tmp_path / "cut.zip").write_bytes(server.content[:900])
    for name, words in (("link", "is a link"), ("damaged", "broken archive"), ("cut", "broken archive")):
        with pytest.raises(d.DownloadError, match=words):
            d.unpack(tmp_path / f"{name}.zip", tmp_path / "set", progress=lambda count: None)
    assert {path.suffix for path in tmp_path.iterdir()} == {".zip"}


def test_the_command_downloads_unpacks_and_checks(server, synthetic_root, tmp_path, monkeypatch, capsys):
    files = {f"Aariz/{p.relative_to(synthetic_root)}": p for p in synthetic_root.rglob("*") if p.is_file()}
    server.content = archive({name: path.read_bytes() for name, path in files.items()})
    known = d.RemoteFile(name="Set.zip", url="", size=len(server.content), md5=hashlib.md5(server.content).hexdigest())
    monkeypatch.setitem(get_data.SETS, "aariz", replace(get_data.SETS["aariz"], article=7, file=known))
    words = ["aariz", "--output", str(tmp_path / "Aariz"), "--api", f"http://127.0.0.1:{server.server_port}/v2"]
    assert run("get_data", words) == 0
    printed = capsys.readouterr().out
    assert "21 images checked" in printed
    assert f"landmarks train --config configs/768.yaml data.root={tmp_path / 'Aariz'}" in printed
    assert len(list((tmp_path / "Aariz").rglob("*.*"))) == len(files)
    assert [path.name for path in tmp_path.iterdir()] == ["Aariz"]
    assert run("get_data", words) == 2  # nothing is written over
    assert "already exists" in capsys.readouterr().err


def test_an_archive_downloaded_by_hand_is_verified_and_kept(server, tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.zip").write_bytes(server.content)
    words = ["aariz", "--output", str(tmp_path / "Aariz"), "--archive", str(tmp_path / "mine.zip")]
    assert run("get_data", words) == 2
    assert "not the published file" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.zip"]
