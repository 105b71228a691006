"""Find the landmarks in images: predictions.csv with points in source pixels, and a picture of each image.

Examples:
    landmarks predict --checkpoint runs/1024_rtx3070ti/checkpoints/best.pt --output found head.png
    landmarks predict --checkpoint runs/1024_rtx3070ti/checkpoints/best.pt --output found folder_of_images

An image that cannot be read is reported in one line and gives exit code 2; the others are still processed.
"""

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from landmarks.commands.arguments import new_parser
from landmarks.commands.console import write_line
from landmarks.config import DEVICES

if TYPE_CHECKING:
    from landmarks.inference.predictor import Predictor


def find_images(places: list[Path]) -> list[Path]:
    """Files as given, and the images right in each folder. Raises: ValueError where there is none, or two share a name."""
    from landmarks.radiograph import IMAGE_SUFFIXES, image_files

    images = []
    for place in places:
        inside = image_files(place) if place.is_dir() else [place]
        if not inside:
            raise ValueError(f"{place}: no images ({', '.join(IMAGE_SUFFIXES)}) in this folder")
        images += inside
    stems = [path.stem for path in images]
    if twice := next((path for path in images if stems.count(path.stem) > 1), None):
        raise ValueError(f"{twice}: two images have this name, so that their pictures would; predict them apart")
    return images


def predict_images(predictor: "Predictor", images: list[Path], output: Path) -> int:
    """Writes predictions.csv and overlays/ into `output`; returns how many images could not be read."""
    from tqdm import tqdm

    from landmarks.draw import overlay, write_picture
    from landmarks.radiograph import ImageError, read_gray

    broken = 0
    (output / "overlays").mkdir(parents=True, exist_ok=True)
    unfinished = output / "predictions.csv.part"
    with unfinished.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "symbol", "x", "y", "peak"])
        for path in tqdm(images, unit="img", file=sys.stderr, leave=False):
            try:
                gray = read_gray(path)
            except ImageError as error:
                write_line(str(error))
                broken += 1
                continue
            symbols, found = predictor.landmarks.symbols, predictor(gray)
            points_px = found.points_px[0]
            for symbol, (x, y), peak in zip(symbols, points_px, found.peaks[0], strict=True):
                rows.writerow([path, symbol, f"{x:.2f}", f"{y:.2f}", f"{peak:.3f}"])
            write_picture(output / "overlays" / f"{path.stem}.png", overlay(gray, points_px, symbols=symbols))
    unfinished.replace(output / "predictions.csv")
    return broken


def main(words: list[str] | None = None) -> int:
    parser = new_parser("predict", __doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="a .pt file of a run's checkpoints/")
    parser.add_argument("--output", type=Path, required=True, help="folder for predictions.csv and overlays/")
    parser.add_argument("--device", default="auto", choices=DEVICES, help="where to predict (default: auto)")
    parser.add_argument("--tta", action="store_true", help="mean of four shifted views: more exact, four times as long")
    parser.add_argument("images", type=Path, nargs="+", help="image files, or folders of them")
    args = parser.parse_args(words)
    from landmarks.inference.predictor import Predictor

    images = find_images(args.images)
    if (args.output / "predictions.csv").exists():
        raise ValueError(f"{args.output / 'predictions.csv'}: is there already; name another --output")
    predictor = Predictor.from_checkpoint(args.checkpoint, device=args.device, tta=args.tta)
    broken = predict_images(predictor, images, args.output)
    print(f"{len(images) - broken} of {len(images)} images: {args.output / 'predictions.csv'}, {args.output / 'overlays'}")
    return 2 if broken else 0
