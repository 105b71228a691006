"""Routes of the trainings room and of models: runs, recipes, start, stop, resume, adapt. Names are looked up, never joined."""

import shutil
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from landmarks.review.exports import corrected_cases, fill_set
from landmarks.review.fields import FieldError
from landmarks.review.page import Page
from landmarks.review.runfolders import console_lines, find_pictures, run_settings
from landmarks.review.runjournal import read_curves
from landmarks.review.safety import read_json
from landmarks.review.training import data_overrides, new_name
from landmarks.settings import SettingError

# What a form may choose to train on beside the recipe's own set and the folders of --data.
_RECIPE, _CASES, _FOLDER = "recipe", "cases", "folder/"
_LEAST_CASES = 3


def routes() -> list[Route]:
    return [
        Route("/api/runs", runs),
        Route("/api/runs", start, methods=["POST"]),
        Route("/api/runs/{name}", one_run),
        Route("/api/runs/{name}/pictures/{picture}", picture),
        Route("/api/runs/{name}/{action}", act, methods=["POST"]),
        Route("/api/recipes/{name}", recipe),
        Route("/api/models", models),
        Route("/api/models", use_model, methods=["POST"]),
        Route("/api/adapt", adapt, methods=["POST"]),
        Route("/api/adapt/cancel", cancel, methods=["POST"]),
    ]


def _page(request: Request) -> Page:
    return request.app.state.page


def runs(request: Request) -> Response:
    trainings = _page(request).trainings
    return JSONResponse({"runs": trainings.runs(), "recipes": list(trainings.recipes()), "folder": str(trainings.folder)})


def one_run(request: Request) -> Response:
    path, about = _page(request).trainings.run(request.path_params["name"])
    shown = {
        "run": about,
        "curves": read_curves(path / "metrics.jsonl"),
        "console": console_lines(path),
        "settings": run_settings(path),
    }
    return JSONResponse(shown | {"pictures": {name: file.stat().st_mtime for name, file in find_pictures(path).items()}})


def picture(request: Request) -> Response:
    path, _ = _page(request).trainings.run(request.path_params["name"])
    return FileResponse(find_pictures(path)[request.path_params["picture"]], media_type="image/jpeg")


def recipe(request: Request) -> Response:
    """A recipe's form, and what it may be trained on and started from."""
    page = _page(request)
    form = page.trainings.form(request.path_params["name"])
    counts = {part: len(cases) for part, cases in corrected_cases(page.store).items()}
    starts = [name for name, path in page.models(form["task"]).items() if path.suffix == ".pt"]
    return JSONResponse(form | {"folders": list(page.trainings.data_folders()), "cases": counts, "starts": starts})


async def start(request: Request) -> Response:
    """{name, recipe, settings: {section.key: text}, data: recipe | cases | folder/NAME, format, start_from, check}."""
    sent = await read_json(request)
    return JSONResponse(await run_in_threadpool(_start, _page(request), sent))


def _start(page: Page, sent: dict) -> dict:
    name, trainings, settings = new_name(sent.get("name")), page.trainings, sent.get("settings")
    if not isinstance(settings, dict):
        raise FieldError("settings: send texts by section.key")
    data, chosen = sent.get("data", _RECIPE), sent.get("recipe")
    fixed, root = [], page.store.home / "sets" / name
    if data == _CASES:
        fixed = data_overrides("table", root)
    elif isinstance(data, str) and data.startswith(_FOLDER):
        folder = trainings.data_folders().get(data.removeprefix(_FOLDER))
        if folder is None:
            raise SettingError("data.root: there is no such folder any more; choose another one")
        fixed = data_overrides(str(sent.get("format")), folder)
    elif data != _RECIPE:
        raise FieldError("data: send recipe, cases or folder/NAME")
    if sent.get("start_from"):
        fitting = page.models(trainings.form(chosen)["task"])
        fixed.append(f"model.init_from={fitting[sent['start_from']]}")
    overrides = trainings.overrides(chosen, settings, fixed)
    if sent.get("check"):
        return {"settings": overrides}
    trainings.check_new(name)
    if data == _CASES:
        _write_cases(page, root)
    trainings.start(name, chosen, overrides)
    return {"name": name}


def _write_cases(page: Page, root: Path) -> None:
    """The corrected cases as a table data set, the test part among them: a training reads the parts train and valid alone."""
    parts = corrected_cases(page.store)
    if len(parts["train"]) + len(parts["valid"]) < _LEAST_CASES:
        found = ", ".join(f"{len(cases)} {part}" for part, cases in parts.items())
        raise ValueError(f"too few corrected cases to train on ({found}); correct more films, or choose another data set")
    shutil.rmtree(root, ignore_errors=True)
    cases = sorted(case for part in parts.values() for case in part)
    fill_set(page.store, cases, "table", root, lambda case: page.library.png(case).read_bytes())


async def act(request: Request) -> Response:
    """stop or resume."""
    trainings, name = _page(request).trainings, request.path_params["name"]
    todo = {"stop": trainings.stop, "resume": trainings.resume}[request.path_params["action"]]
    await run_in_threadpool(todo, name)
    return JSONResponse({})


def models(request: Request) -> Response:
    page = _page(request)
    parts = corrected_cases(page.store)
    return JSONResponse({"models": list(page.models()), "used": page.model_name,
                         "corrected": len(parts["train"] + parts["valid"]), "kept": len(parts["test"])})  # fmt: skip


async def use_model(request: Request) -> Response:
    """{model: name}: what predicts from now on."""
    sent = await read_json(request)
    await run_in_threadpool(_page(request).use_model, str(sent.get("model")))
    return JSONResponse({})


async def adapt(request: Request) -> Response:
    """{model: name} of the base."""
    sent, page = await read_json(request), _page(request)
    base = page.models()[str(sent.get("model"))]
    await run_in_threadpool(page.adapting.start, base)
    return JSONResponse({})


def cancel(request: Request) -> Response:
    _page(request).adapting.cancel()
    return JSONResponse({})
