"""Open the page where films are seen, corrected, measured, signed and printed: a local server and the browser.

Examples:
    landmarks review films --checkpoint model.onnx
    landmarks review films --port 8800 --no-browser
    landmarks review films --runs runs --recipes configs
    landmarks review films --backup films-2026-11.sqlite

Only this computer can open the page. Ctrl+C ends it; nothing that was shown as saved is lost, and trainings that were
started from the page go on.
"""

import argparse
import logging
import secrets
import threading
import webbrowser
from pathlib import Path

from landmarks.commands.arguments import new_parser

log = logging.getLogger(__name__)

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PASSWORD_LETTERS = 12
_RELEASED = Path(__file__).parents[1] / "weights" / "isbi19.onnx"


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = new_parser("review", __doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("."), help="films (default: the present folder)")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="model, .onnx or .pt (default: the released one)",
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs to watch (default: runs)")
    parser.add_argument("--recipes", type=Path, default=Path("configs"), help="recipes to train with (default: configs)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the data sets to train on (default: data)")
    parser.add_argument("--port", type=int, default=8765, help="port (default: 8765; 0 takes a free one)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; any but 127.0.0.1 needs --password")
    parser.add_argument("--password", help=f"what others in the network must know with --host; {_PASSWORD_LETTERS} letters")
    parser.add_argument("--no-browser", action="store_true", help="print the address, open no browser")
    parser.add_argument("--backup", type=Path, metavar="FILE", help="copy the folder's whole store into FILE, and end")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    if not args.folder.is_dir():
        raise ValueError(f"{args.folder}: no such folder; give one with films")
    if args.backup is not None:
        from landmarks.review.store import Store

        store = Store(args.folder)
        store.backup(args.backup)
        store.close()
        print(args.backup)
        return 0
    if args.checkpoint is None and _RELEASED.is_file():
        args.checkpoint = _RELEASED
    if args.checkpoint is not None and not args.checkpoint.is_file():
        raise ValueError(f"{args.checkpoint}: no such file; give a model with --checkpoint")
    if args.host not in _LOOPBACK:
        if len(args.password or "") < _PASSWORD_LETTERS:
            raise ValueError(
                f"--host {args.host}: the network could read the films; give --password, {_PASSWORD_LETTERS} letters"
            )
        log.warning(
            "everyone who reaches %s and knows the password sees the films, and the connection is not encrypted: use it only "
            "in a network that you trust",
            args.host,
        )
    _serve(args)
    return 0


def _serve(args: argparse.Namespace) -> None:
    from landmarks.review.page import Page
    from landmarks.review.server import build_app, listen, page_address, serve
    from landmarks.review.training import Trainings

    bound = listen(args.host, args.port)
    try:
        page = Page(args.folder, args.checkpoint, Trainings(args.runs, args.recipes, args.data))
        try:
            page.scan()
            port, token = bound.getsockname()[1], secrets.token_urlsafe(24)
            names = (*_LOOPBACK, "[::1]") if args.host in _LOOPBACK else (args.host,)
            app = build_app(
                page,
                hosts=frozenset(f"{name}:{port}" for name in names),
                token=token,
                cookie=f"landmarks_{port}",
                password=None if args.host in _LOOPBACK else args.password,
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
