"""Downloads a published archive: asks the article's list of files, resumes, verifies size and MD5, unpacks safely."""

import contextlib
import hashlib
import http.client
import json
import logging
import os
import shutil
import stat
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from landmarks.filelock import hold_for_life
from landmarks.wholefile import put_in_place

log = logging.getLogger(__name__)

FIGSHARE = "https://api.figshare.com/v2"
_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 30
_TRIES = 5
# A reserve beside what the files themselves need, so that a full disk shows before the work and not in the middle.
_DISK_RESERVE = 64 << 20
# Cephalograms compress by a few times at most; a member that claims more is no image data set.
_MOST_COMPRESSION = 200


class DownloadError(ValueError):
    """A download that cannot be completed; the message names the file or address and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteFile:
    """One file of a published article; `size` in bytes."""

    name: str
    url: str
    size: int
    md5: str


def article_file(article: int, name: str, *, api: str = FIGSHARE) -> RemoteFile:
    """What figshare's API says of one file of a public article.

    Raises: DownloadError where the server cannot be reached, or the article has no such file.
    """
    address = f"{api}/articles/{article}"
    try:
        with urllib.request.urlopen(_request(address), timeout=_TIMEOUT_SECONDS) as answer:
            files = json.load(answer)["files"]
        found = {file["name"]: file for file in files}
        if name not in found:
            raise DownloadError(f"{address}: no file {name}; it has {', '.join(sorted(found)) or 'none'}")
        file = found[name]
        md5 = file.get("computed_md5") or file["supplied_md5"]
        return RemoteFile(name=name, url=file["download_url"], size=int(file["size"]), md5=md5.lower())
    except (OSError, http.client.HTTPException) as error:
        reason = _reason(error)
        raise DownloadError(f"{address}: not reachable ({reason}); download {name} in a browser and pass --archive") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, DownloadError):
            raise
        raise DownloadError(f"{address}: unexpected answer ({type(error).__name__}: {error})") from error


def download(file: RemoteFile, target: Path, *, progress: Callable[[int], None], pause: float = 1.0) -> None:
    """Fetches a file to `target` and verifies it; an interrupted download resumes at the next call.

    Args:
        progress: called with the number of bytes present, whenever it has grown.
        pause: seconds before the first retry; each further one waits twice as long.
    Raises: DownloadError where the connection stays broken, the disk is full or the checksum is wrong.
    """
    part = target.with_name(target.name + ".part")
    lock = hold_for_life(target.with_name(f".{target.name}.lock"))
    if lock is None:
        raise DownloadError(f"{target}: another process is downloading it")
    with lock:
        have = part.stat().st_size if part.is_file() else 0
        _need_disk(target.parent, file.size - have)
        _fetch(file, part, progress, pause)
        verify(part, file, remove="the download was removed: run the command again")
        put_in_place(part, target)
    with contextlib.suppress(OSError):
        target.with_name(f".{target.name}.lock").unlink()


def _fetch(file: RemoteFile, part: Path, progress: Callable[[int], None], pause: float) -> None:
    failures, before = 0, -1
    while (have := part.stat().st_size if part.is_file() else 0) != file.size:
        if have > file.size:  # of another version of the file
            part.unlink()
            continue
        failures = 0 if have > before else failures + 1
        before = have
        if failures >= _TRIES:
            raise DownloadError(f"{file.url}: connection lost at {have:,} of {file.size:,} bytes; the same command resumes")
        if failures:
            time.sleep(pause * 2 ** (failures - 1))
        try:
            _append(file, part, have, progress)
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code not in (408, 416, 429):
                raise DownloadError(f"{file.url}: the server answered {error.code} {error.reason}") from error
            if error.code == 416:
                part.unlink(missing_ok=True)
        except (TimeoutError, ConnectionError, urllib.error.URLError, http.client.HTTPException) as error:
            log.info("connection lost (%s), trying again", _reason(error))
        except OSError as error:  # of the disk
            line = f"{error.filename or part}: {error.strerror or error}"
            raise DownloadError(f"{line}; free some room, the same command resumes") from error


def _append(file: RemoteFile, part: Path, have: int, progress: Callable[[int], None]) -> None:
    """One connection's worth of bytes behind the `have` that are there."""
    request = _request(file.url)
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
        resumed = answer.status == 206 and (answer.headers.get("Content-Range") or "").startswith(f"bytes {have}-")
        with part.open("ab" if resumed else "wb") as out:  # a server without ranges sends the file from its start
            while chunk := answer.read(_CHUNK):
                out.write(chunk)
                progress(out.tell())
                if out.tell() > file.size:
                    raise DownloadError(f"{file.url}: more than the {file.size:,} bytes that the article states")


def verify(path: Path, file: RemoteFile, *, remove: str = "") -> None:
    """Compares size and MD5 with the article's. Raises: DownloadError; with `remove`, the file is deleted and this said."""
    size = path.stat().st_size
    if size == file.size:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "md5").hexdigest() if hasattr(hashlib, "file_digest") else _md5(stream)
        if found == file.md5:
            return
        wrong = f"MD5 {found}, expected {file.md5}"
    else:
        wrong = f"{size:,} bytes, expected {file.size:,}"
    if remove:
        path.unlink()
    raise DownloadError(f"{path}: not the published file ({wrong}); {remove or 'download it again'}")


def _md5(stream) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def unpack(archive: Path, output: Path, *, progress: Callable[[int], None]) -> None:
    """Unpacks a ZIP into the new folder `output`, which appears only when it is complete.

    A single top folder of the archive is left out. Nothing is written outside `output`.

    Args:
        progress: called with the number of files written.
    Raises: DownloadError on a broken archive, a member that leads elsewhere, or a full disk.
    """
    unfinished = output.with_name(f".{output.name}.unfinished")
    try:
        with zipfile.ZipFile(archive) as content:
            members = [member for member in content.infolist() if not member.is_dir()]
            paths = _safe_paths(archive, members)
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            _need_disk(unfinished, sum(member.file_size for member in members))
            for count, (member, path) in enumerate(zip(members, paths, strict=True), 1):
                target = unfinished / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with content.open(member) as source, target.open("xb") as out:
                    shutil.copyfileobj(source, out, _CHUNK)
                progress(count)
        put_in_place(unfinished, output)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise DownloadError(f"{archive}: broken archive ({error}); download it again") from error
    except OSError as error:
        raise DownloadError(f"{error.filename or output}: {error.strerror or error}; nothing was unpacked") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _safe_paths(archive: Path, members: list[zipfile.ZipInfo]) -> list[PurePosixPath]:
    """Relative path of each member, without a top folder that all share."""
    paths = []
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        drive = ":" in member.filename.split("/")[0]
        if path.is_absolute() or drive or ".." in path.parts or "\0" in member.filename:
            raise DownloadError(f"{archive}: member {member.filename!r} leads out of the archive's folder; not unpacked")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise DownloadError(f"{archive}: member {member.filename!r} is a link; not unpacked")
        if member.file_size > _MOST_COMPRESSION * max(member.compress_size, 1) + _CHUNK:
            raise DownloadError(f"{archive}: member {member.filename!r} unpacks to {member.file_size:,} bytes; not unpacked")
        paths.append(path)
    if not paths:
        raise DownloadError(f"{archive}: the archive holds no files")
    tops = {path.parts[0] for path in paths}
    if len(tops) == 1 and all(len(path.parts) > 1 for path in paths):
        paths = [PurePosixPath(*path.parts[1:]) for path in paths]
    if len({str(path).casefold() for path in paths}) < len(paths):
        raise DownloadError(f"{archive}: two members have the same name; not unpacked")
    return paths


def _need_disk(folder: Path, size: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < size + _DISK_RESERVE:
        raise DownloadError(f"{folder}: {free / 2**30:.1f} GiB are free, {(size + _DISK_RESERVE) / 2**30:.1f} GiB are needed")


def _request(address: str) -> urllib.request.Request:
    if urllib.parse.urlsplit(address).scheme not in ("https", "http"):  # never a local file
        raise DownloadError(f"{address}: not a web address")
    return urllib.request.Request(address, headers={"User-Agent": "landmarks"})


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", None) or error
    if isinstance(inner, OSError) and inner.errno:
        return os.strerror(inner.errno)
    return str(inner) or type(inner).__name__
