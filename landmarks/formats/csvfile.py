"""A user's CSV file, read whole: whatever is wrong with it becomes one line that names the file and the line in it."""

import csv
import io
from pathlib import Path

from landmarks.formats.records import DataError

Rows = list[tuple[int, dict[str, str]]]
"""Line in the file, and cell by column."""


def read_csv(
    path: Path, needed: tuple[str, ...] = (), hint: str = "", *, comments: bool = False, free_text: bool = False
) -> tuple[list[str], Rows]:
    """The file's columns and rows, without the blanks around cells.

    Args:
        needed: columns that must be there; `hint` says what to write where one is missing.
        comments: whether lines that begin with # are left out.
        free_text: whether the last column may hold commas, or be left out.
    Raises: DataError.
    """
    lines = list(io.StringIO(_text(path), newline=""))
    if comments:
        lines = ["\n" if line.startswith("#") else line for line in lines]
    reader = csv.reader(lines, strict=True)
    rows, before = [], 0
    try:
        for cells in reader:
            if any("\n" in cell or "\r" in cell for cell in cells):
                raise csv.Error("a cell goes over several lines")
            if cells:
                rows.append((reader.line_num, [cell.strip() for cell in cells]))
            before = reader.line_num
    except csv.Error as error:
        raise DataError(f"{path}, line {before + 1}: {error}; is there a stray quote in it?") from error
    columns = rows[0][1] if rows else []
    _check_columns(path, columns, needed, hint)
    for line, cells in rows[1:]:
        if free_text and len(columns) > 1:
            last = len(columns) - 1
            cells[:] = [*cells[:last], ", ".join(filter(None, cells[last:]))] + [""] * (last - len(cells))
        # one too many is what a decimal comma makes: every point behind it would be another landmark's
        if len(cells) != len(columns):
            line_of = f"{path}, line {line}: {len(cells)} cells for {len(columns)} columns"
            raise DataError(f"{line_of}; write a cell for each column, empty where nothing is known, and 1.5, not 1,5")
    return columns, [(line, dict(zip(columns, cells, strict=True))) for line, cells in rows[1:]]


def _text(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8; save it as UTF-8") from error
    if "\0" in text:  # UTF-16 without its mark
        raise DataError(f"{path}: not UTF-8; save it as UTF-8")
    return text


def _check_columns(path: Path, columns: list[str], needed: tuple[str, ...], hint: str) -> None:
    for column in needed:
        if column not in columns:
            divided = "its cells are divided by ';', save it with commas; " if ";" in "".join(columns) else ""
            raise DataError(f"{path}: no column '{column}'; {divided}{hint}")
    for column in columns:
        if column and columns.count(column) > 1:
            raise DataError(f"{path}: column '{column}' stands twice; keep one")
