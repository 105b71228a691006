"""A user's CSV file, read whole: whatever is wrong with it becomes one line that names the file and the line in it."""

import csv
import io
import math
import re
from dataclasses import dataclass
from pathlib import Path

from landmarks.formats.records import DataError

Rows = list[tuple[int, dict[str, str]]]
"""Line in the file, and cell by column."""
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_MISSING = {"", "nan", "na", "n/a", "none", "null", "-", "?"}
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+")
# 1.234 is a thousand in a file with decimal commas, and 1,234 may be one in any file
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(\.\d{3})+(,\d+)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvFile:
    """A file's columns and rows, without the blanks around cells."""

    path: Path
    columns: list[str]
    rows: Rows
    separator: str
    decimal_comma: bool

    @property
    def note(self) -> str:
        """How the file was understood, where it is no plain CSV; empty where it is."""
        words = f"{self.path}: cells are separated by {_SEPARATORS[self.separator]}"
        words += ", numbers have decimal commas" if self.decimal_comma else ""
        return "" if self.separator == "," else words

    def number(self, row: dict[str, str], column: str, line: int) -> float:
        """A cell, NaN where nothing is known. Raises: DataError."""
        word = row.get(column, "")
        if word.lower() in _MISSING:
            return math.nan
        where = f"{self.path}, line {line}: column {column} holds '{word}'"
        if self.decimal_comma and _THOUSANDS.fullmatch(word):
            raise DataError(f"{where}, and other numbers here have decimal commas; write all numbers in one way")
        if self.decimal_comma and _DECIMAL_COMMA.fullmatch(word):
            word = word.replace(",", ".")
        try:
            number = float(word)
        except ValueError:
            number = math.inf
        if math.isinf(number) or "_" in word:
            raise DataError(f"{where}; write a number or leave it empty")
        return number


def read_csv(
    path: Path, needed: tuple[str, ...] = (), hint: str = "", *, comments: bool = False, free_text: bool = False
) -> CsvFile:
    """Reads a file whose cells are separated by commas, semicolons, tabs or bars; empty rows and columns are left out.

    Args:
        needed: columns that must be there; `hint` says what to write where one is missing.
        comments: whether lines that begin with # are left out; before the header they always are.
        free_text: whether the last column may hold separators, or be left out.
    Raises: DataError.
    """
    lines = list(io.StringIO(_text(path), newline=""))
    head = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith("#")), 0)
    lines = ["\n" if line.startswith("#") and (comments or number < head) else line for number, line in enumerate(lines)]
    separator = _separator(lines)
    table = _cells(path, lines, separator)
    columns = table[0][1] if table else []
    while columns and not columns[-1] and all(len(cells) < len(columns) or not cells[-1] for _, cells in table[1:]):
        table = [(line, cells[: len(columns) - 1]) for line, cells in table]
        columns = columns[:-1]
    _check_columns(path, columns, needed, hint)
    rows = []
    for line, cells in table[1:]:
        if free_text and len(columns) > 1:
            last = len(columns) - 1
            cells = [*cells[:last], f"{separator} ".join(filter(None, cells[last:]))] + [""] * (last - len(cells))
        # one too many is what a decimal comma makes: every point behind it would be another landmark's
        if len(cells) != len(columns):
            line_of = f"{path}, line {line}: {len(cells)} cells for {len(columns)} columns"
            raise DataError(f"{line_of}; write a cell for each column, empty where nothing is known, and 1.5, not 1,5")
        rows.append((line, dict(zip(columns, cells, strict=True))))
    decimal = separator != "," and any(_DECIMAL_COMMA.fullmatch(cell) for _, row in rows for cell in row.values())
    return CsvFile(path=path, columns=columns, rows=rows, separator=separator, decimal_comma=decimal)


def _separator(lines: list[str]) -> str:
    """By the first line that is not empty; Excel may say it in a line of its own, which is taken out."""
    for number, line in enumerate(lines):
        if said := re.fullmatch(r"sep=(.)", line.strip("\r\n")):
            lines[number] = "\n"
            return said[1] if said[1] in _SEPARATORS else ","
        if line.strip():
            bare = re.sub(r'"[^"]*"', "", line)
            return max(_SEPARATORS, key=bare.count)
    return ","


def _cells(path: Path, lines: list[str], separator: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(lines, strict=True, delimiter=separator)
    rows, before = [], 0
    try:
        for cells in reader:
            if any("\n" in cell or "\r" in cell for cell in cells):
                raise csv.Error("a cell goes over several lines")
            cells = [cell.strip() for cell in cells]
            if any(cells):  # spreadsheets leave empty rows behind the last one
                rows.append((reader.line_num, cells))
            before = reader.line_num
    except csv.Error as error:
        raise DataError(f"{path}, line {before + 1}: {error}; is there a stray quote in it?") from error
    return rows


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
            raise DataError(f"{path}: no column '{column}'; {hint}")
    for column in columns:
        if column and columns.count(column) > 1:
            raise DataError(f"{path}: column '{column}' stands twice; keep one")
