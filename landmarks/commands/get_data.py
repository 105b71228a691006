"""Download a published data set, verify it, unpack it and check it.

Aariz: 1,000 lateral cephalograms, 2.1 GB, CC BY 4.0 (figshare, article 27986417). An interrupted download resumes.

Example:
    landmarks get_data aariz --output data/Aariz
"""

import logging
import sys
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from landmarks.commands.arguments import new_parser
from landmarks.download import FIGSHARE, DownloadError, RemoteFile, article_file, download, unpack, verify

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """A data set that its authors have published as one archive."""

    article: int
    file: RemoteFile
    """What the archive is known to be; its address comes from the server."""
    format: str
    config: str
    """The recipe of the training command that is printed at the end."""


SETS = {
    # Khalid et al., Sci Data 12, 1336 (2025)
    "aariz": Published(
        article=27986417,
        file=RemoteFile(name="Aariz.zip", url="", size=2_098_209_792, md5="e0bd645bca6759abdae4f199d841bda6"),
        format="aariz",
        config="configs/768.yaml",
    ),
}


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("get_data", __doc__)
    parser.add_argument("name", choices=sorted(SETS), help="data set")
    parser.add_argument("--output", type=Path, help="new folder for the data set (default: data/Aariz)")
    parser.add_argument("--archive", type=Path, help="an archive that was downloaded by hand, instead of downloading it")
    parser.add_argument("--keep-archive", action="store_true", help="keep the downloaded archive after unpacking")
    parser.add_argument("--api", default=FIGSHARE, help=f"address of the server's API (default: {FIGSHARE})")
    args = parser.parse_args(argv)
    published = SETS[args.name]
    output = args.output or Path("data") / Path(published.file.name).stem
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise DownloadError(f"{output}: already exists; choose another --output, or check it with landmarks check_data")
    archive = args.archive or output.with_name(published.file.name)
    _get_archive(published, archive, args.archive is not None, args.api)
    if output.is_dir():
        output.rmdir()  # empty; the unpacked folder takes its place
    with _bar("unpack", None, "file") as bar:
        unpack(archive, output, progress=lambda count: bar.update(count - bar.n))
    if args.archive is None and not args.keep_archive:
        archive.unlink()
    _check(output, published.format)
    print(f"{output}: ready; train with\n    landmarks train --config {published.config} data.root={output}")
    return 0


def _get_archive(published: Published, archive: Path, by_hand: bool, api: str) -> None:
    if archive.is_file():
        verify(archive, published.file)
        return
    if by_hand:
        raise DownloadError(f"{archive}: no such file")
    known = published.file
    found = article_file(published.article, known.name, api=api)
    if (found.size, found.md5) != (known.size, known.md5):
        log.warning(f"{known.name}: the server has another version than the one this program knows (MD5 {found.md5})")
    with _bar(f"download {known.name}", found.size, "B") as bar:
        download(found, archive, progress=lambda have: bar.update(have - bar.n))


def _bar(title: str, total: int | None, unit: str) -> tqdm:
    return tqdm(desc=title, total=total, unit=unit, unit_scale=True, unit_divisor=1024, file=sys.stderr, leave=False)


def _check(root: Path, data_format: str) -> None:
    from landmarks.check.run import check_dataset

    result = check_dataset(root, data_format).to_dict()
    found = ", ".join(f"{kind} ({count})" for kind, count in result["kinds"].items())
    print(f"{result['num_images']} images checked; findings: {found or 'none'}")
    print(f"for the list: landmarks check_data --root {root} --format {data_format}")
