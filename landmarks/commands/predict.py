"""Find the landmarks in films: predictions.csv and .json with points in source pixels, and a picture of each.

Examples:
    landmarks predict --checkpoint runs/1024_rtx3070ti/checkpoints/best.pt --output found head.png
    landmarks predict --checkpoint model.onnx --output found folder_of_films "more/*.dcm"

Folders are searched with all folders below them. A film that cannot be read is reported in one line and gives exit code
2; the others are still processed.
"""

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from landmarks.commands.arguments import new_parser
from landmarks.commands.console import write_line
from landmarks.config import DEVICES

if TYPE_CHECKING:
    from landmarks.inference.films import Film
    from landmarks.inference.predictor import Predictor


def predict_films(predictor: "Predictor", films: list["Film"], output: Path) -> int:
    """Writes predictions.csv, predictions.json and overlays/ into `output`; returns how many films could not be read."""
    from tqdm import tqdm

    from landmarks.draw import overlay, write_picture
    from landmarks.inference.tracings import stored_film
    from landmarks.radiograph import ImageError, read_radiograph
    from landmarks.tracing.reading import write_tracings

    broken, symbols, stored = 0, predictor.landmarks.symbols, []
    output.mkdir(parents=True, exist_ok=True)
    unfinished = output / "predictions.csv.part"
    # a name that is not UTF-8 is written with its bytes as escapes
    with unfinished.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "symbol", "x", "y", "peak", "inferred", *(["radius_px"] if predictor.calibration else [])])
        for film in tqdm(films, unit="film", file=sys.stderr, leave=False):
            try:
                radiograph = read_radiograph(film.path)
            except ImageError as error:
                write_line(str(error))
                broken += 1
                continue
            gray = radiograph.gray
            found = predictor(gray)
            stored.append(stored_film(film.path, radiograph, found, predictor))
            radii = predictor.radii_px(found)
            for k, symbol in enumerate(symbols):
                x, y = found.points_px[0, k]
                radius = [] if radii is None else [f"{radii[0, k]:.2f}"]
                inferred = int(found.inferred_px[0, k] > 0)
                rows.writerow([film.path, symbol, f"{x:.2f}", f"{y:.2f}", f"{found.peaks[0, k]:.3f}", inferred, *radius])
            picture = output / "overlays" / film.name.with_name(f"{film.name.name}.png")
            picture.parent.mkdir(parents=True, exist_ok=True)
            write_picture(picture, overlay(gray, found.points_px[0], symbols=symbols))
    write_tracings(output / "predictions.json", stored)
    unfinished.replace(output / "predictions.csv")
    return broken


def main(words: list[str] | None = None) -> int:
    parser = new_parser("predict", __doc__)
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="a .pt file of a run's checkpoints/, or an exported .onnx"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for predictions.csv and overlays/")
    parser.add_argument("--device", default="auto", choices=DEVICES, help="where to predict (default: auto)")
    parser.add_argument("--tta", action="store_true", help="mean of four shifted views: more exact, four times as long")
    parser.add_argument("films", nargs="+", metavar="FILM", help="film files, folders of them, or wildcards")
    args = parser.parse_args(words)
    from landmarks.inference.films import find_films
    from landmarks.inference.predictor import Predictor

    films = find_films(args.films)
    if (args.output / "predictions.csv").exists():
        raise ValueError(f"{args.output / 'predictions.csv'}: exists already; name another --output")
    predictor = Predictor.load(args.checkpoint, device=args.device, tta=args.tta)
    broken = predict_films(predictor, films, args.output)
    print(f"{len(films) - broken} of {len(films)} films: {args.output / 'predictions.csv'}, {args.output / 'overlays'}")
    return 2 if broken else 0
