"""The page's second process: decodes films and predicts, so that a bad file or a long computation never stops the page.

Reads one request a line on standard input, answers each with a line on standard output, both JSON.
"""

import json
import logging
import os
import sys
from pathlib import Path

log = logging.getLogger(__name__)

# Address space of a process that only decodes; libraries alone take a few hundred MB of it.
_DECODER_BYTES = 3 << 30


def limit_memory(num_bytes: int) -> None:
    """A film that would need more fails alone; Windows knows no such limit."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (num_bytes, num_bytes))


class Worker:
    """Answers requests; keeps its model between them."""

    def __init__(self) -> None:
        self._models: dict[str, object] = {}

    def answer(self, request: dict) -> dict:
        from landmarks.review import films  # OpenCV loads after the memory limit

        path, job = Path(request["path"]), request["do"]
        if job == "predict":
            return self._model(request["model"])(path)
        cache = Path(request["cache"])
        if job == "film":
            return films.store_film(path, cache)
        make = {"contrast": films.store_contrast, "picture": films.store_picture, "png": films.store_png}[job]
        return make(path, cache, request["checksum"])

    def _model(self, file: str):
        if file not in self._models:
            from landmarks.review.predict import PageModel  # a network only where it is needed

            self._models = {file: PageModel(Path(file))}
        return self._models[file]


def main() -> int:
    if sys.argv[1:] == ["decode"]:
        limit_memory(_DECODER_BYTES)
    else:
        os.nice(5) if hasattr(os, "nice") else None
    # libraries that print must not write into the answers
    answers, sys.stdout = sys.stdout, sys.stderr
    worker = Worker()
    from landmarks.review import films  # noqa: F401  loaded before the first film is asked for

    for line in sys.stdin:
        try:
            reply = {"ok": worker.answer(json.loads(line))}
        except MemoryError:
            reply = {"error": "the film needs more memory than the page allows"}
        except (ValueError, OSError) as error:
            reply = {"error": str(error).splitlines()[0][:300] if str(error) else type(error).__name__}
        except Exception as error:
            log.exception("request failed")
            reply = {"error": f"{type(error).__name__}: cannot be read"}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
