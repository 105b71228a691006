"""Open the page where films are seen, corrected, measured, signed and printed: a local server and the browser.

Examples:
    landmarks review films --checkpoint model.onnx
    landmarks review films --port 8800 --no-browser
    landmarks review films --backup films-2026-11.sqlite

Only this computer can open the page. Ctrl+C ends it; nothing that was shown as saved is lost.
"""

import argparse
import logging
import secrets
import sys
import threading
import webbrowser
from pathlib import Path

from landmarks.commands.console import set_up_console

log = logging.getLogger(__name__)

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def parse_words(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="landmarks review", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("."), help="films (default: the present folder)")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="model, .onnx or .pt (default: the released one)")
    parser.add_argument("--port", type=int, default=8765, help="port (default: 8765; 0 takes a free one)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; any but 127.0.0.1 needs --password")
    parser.add_argument("--password", help="what others in the network must know with --host")
    parser.add_argument("--no-browser", action="store_true", help="print the address, open no browser")
    parser.add_argument("--backup", type=Path, metavar="FILE", help="copy the folder's whole store into FILE, and end")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    args = parse_words(words)
    set_up_console()
    try:
        return _run(args)
    except KeyboardInterrupt:
        return 0
    except ImportError as error:
        log.error("the page needs %s; install it with: pip install 'landmarks[review]'", error.name)
    except (ValueError, OSError) as error:
        log.error("%s", error)
    return 2


def _run(args: argparse.Namespace) -> int:
    if not args.folder.is_dir():
        raise ValueError(f"{args.folder}: no such folder; give one with films")
    if args.backup is not None:
        from landmarks.review.store import Store

        Store(args.folder).backup(args.backup)
        print(args.backup)
        return 0
    if args.checkpoint is not None and not args.checkpoint.is_file():
        raise ValueError(f"{args.checkpoint}: no such file; give a model with --checkpoint")
    if args.host not in _LOOPBACK:
        if not args.password or len(args.password) < 12:
            raise ValueError(
                f"--host {args.host}: everyone in the network could read the films; give --password, 12 characters"
            )
        log.warning(
            "everyone who reaches %s and knows the password sees the films; the connection is not encrypted, so use it "
            "only in a network that you trust",
            args.host,
        )
    return _serve(args)


def _serve(args: argparse.Namespace) -> int:
    from landmarks.review.page import Page  # starlette and uvicorn are an extra
    from landmarks.review.server import build_app, listen, page_address, serve

    bound = listen(args.host, args.port)
    try:
        page = Page(args.folder, args.checkpoint)
        try:
            page.scan()
            port = bound.getsockname()[1]
            names = {args.host, *(_LOOPBACK if args.host in _LOOPBACK else ())} | ({"[::1]"} if args.host == "::1" else set())
            token = secrets.token_urlsafe(24)
            password = None if args.host in _LOOPBACK else args.password
            app = build_app(
                page,
                hosts=frozenset(f"{name}:{port}" for name in names),
                token=token,
                cookie=f"landmarks_{port}",
                password=password,
            )
            address = page_address(args.host, port, token)
            print(address, flush=True)
            if not args.no_browser:
                threading.Timer(0.5, webbrowser.open, (address,)).start()
            serve(app, bound, page)
        finally:
            page.close()
    finally:
        bound.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
