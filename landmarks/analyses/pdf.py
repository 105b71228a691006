"""HTML -> PDF through a Chromium on this machine, where there is one."""

import shutil
import subprocess
import tempfile
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_TIMEOUT_S = 120


def find_chromium() -> str | None:
    """The program, or None."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def print_pdf(html: Path, pdf: Path, chromium: str) -> None:
    """Prints a page. Raises: ValueError where Chromium does not make the file."""
    with tempfile.TemporaryDirectory() as profile:
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", f"--user-data-dir={profile}"]
        command = [chromium, *options, f"--print-to-pdf={pdf.resolve()}", html.resolve().as_uri()]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ValueError(
                f"{pdf}: {chromium} did not print it ({type(error).__name__}); print {html} from a browser"
            ) from error
    if done.returncode or not pdf.is_file():
        raise ValueError(f"{pdf}: {chromium} ended with code {done.returncode}; print {html} from a browser")
