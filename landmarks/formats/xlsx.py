"""A user's own data as a spreadsheet: images/ and landmarks.xlsx, its first sheet with the columns of landmarks.csv.

Needs the package openpyxl: pip install 'landmarks[xlsx]'.
"""

import zipfile
from pathlib import Path

from landmarks.formats import table
from landmarks.formats.csvfile import CsvFile
from landmarks.formats.files import file_named
from landmarks.formats.records import DataError
from landmarks.formats.survey import Survey

LANDMARKS, KEEPS = table.LANDMARKS, table.KEEPS
image_place = table.image_place


def scan(root: Path) -> Survey:
    """Raises: DataError where landmarks.xlsx is missing or cannot be read as a table."""
    path = file_named(root, "landmarks.xlsx")
    if not path.is_file():
        raise DataError(f"{path}: no such file; the folder has images/ and landmarks.xlsx")
    rows = _rows(path)
    columns = [str(cell).strip() for cell in rows[0] if cell is not None] if rows else []
    if not columns or len(set(columns)) < len(columns):
        raise DataError(f"{path}: the first row is not image, <symbol>_x, <symbol>_y, ..., each once")
    cells = []
    for line, row in enumerate(rows[1:], 2):
        words = ["" if cell is None else str(cell).strip() for cell in row]
        if any(words[len(columns) :]):
            raise DataError(f"{path}, row {line}: {len(words)} cells for {len(columns)} columns")
        if any(words):
            cells.append((line, dict(zip(columns, words, strict=False))))
    return table.scan_table(root, CsvFile(path=path, columns=columns, rows=cells, separator=",", decimal_comma=False))


def _rows(path: Path) -> list[tuple]:
    try:
        import openpyxl
    except ModuleNotFoundError as error:
        raise DataError(f"{path}: spreadsheets need openpyxl; pip install openpyxl, or save the sheet as CSV") from error
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            return list(book.worksheets[0].iter_rows(values_only=True))
        finally:
            book.close()
    except (OSError, KeyError, ValueError, IndexError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not an XLSX file ({type(error).__name__}); save it again") from error
