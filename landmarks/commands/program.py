"""The program `landmarks`: which commands there are, and what every command does at its end.

Exit codes: 0 done; 1 done, with findings or a training that failed; 2 a mistake in the input, the settings or the system,
in one line; 130 and 128 + n ended by Ctrl+C and by signal n.
"""

import importlib
import sys

from landmarks.commands.console import set_up_console, write_line

COMMANDS = {
    "train": "train a model, or resume a run",
    "eval": "evaluate a checkpoint and write report.html",
    "crossval": "train and judge by cross-validation, and make an ensemble of the models",
    "predict": "find the landmarks in images",
    "analyse": "analyse films: a printable page each, with measurements and norms",
    "superimpose": "lay two films of one patient over each other",
    "review": "open the page where films are corrected, measured and printed",
    "adapt": "adapt a model to a clinic's readers from a few corrected films",
    "models": "list the models that come with the package",
    "export": "write a checkpoint as an ONNX file that predicts without torch",
    "compare": "compare two evaluations of the same images, paired",
    "get_data": "download a published data set, verify and unpack it",
    "check_data": "check a data set for defects",
    "convert": "write a data set of one format in another one",
    "prepare_data": "write a smaller copy of a data set",
    "synthesize": "draw a synthetic data set",
    "plan": "predict the memory of a training step and choose the batch",
    "benchmark": "measure loading, training step, loss and prediction",
    "checkpoint": "describe a checkpoint, or reduce it to its weights",
    "cache": "list or clear the disk caches of decoded images",
    "soak": "kill and resume a short run many times and compare the results",
}


def main(argv: list[str] | None = None) -> int:
    """The console script. `argv`: the arguments after the program's name."""
    argv = sys.argv[1:] if argv is None else argv
    name = argv[0].replace("-", "_") if argv else "--help"
    if name in COMMANDS:
        return run(name, argv[1:])
    set_up_console()
    if name in ("__help", "_h"):
        print(_overview())
        return 0
    if name == "__version":
        from landmarks import __version__

        print(f"landmarks {__version__}")
        return 0
    write_line(f"{argv[0]}: unknown command; the commands are {', '.join(COMMANDS)}")
    return 2


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {summary}" for name, summary in COMMANDS.items()]
    return "\n".join(["usage: landmarks COMMAND ...", "", *lines, "", "landmarks COMMAND --help describes a command."])


def run(name: str, argv: list[str] | None = None) -> int:
    """Runs one command and returns its exit code; a user's mistake becomes one line on stderr, never a traceback."""
    set_up_console()
    try:
        code = importlib.import_module(f"landmarks.commands.{name}").main(argv)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        write_line("interrupted")
        return 130
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "landmarks":
            raise
        write_line(f"the Python package '{error.name}' is missing; install what the command needs: pip install '.[{name}]'")
        return 2
    except OSError as error:
        write_line(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return 2
    except ValueError as error:
        write_line(str(error))
        return 2
