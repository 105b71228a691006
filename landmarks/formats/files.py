"""Files and folders of a data set as file systems spell them: other cases, byte-order marks, and what lies beside."""

from pathlib import Path

from landmarks.radiograph import image_files


def annotation_files(folder: Path, suffix: str, *, below: bool = False) -> list[Path]:
    """The files of a suffix in any case, in order of their names, without what systems put beside them."""
    found = []
    for path in folder.rglob("*") if below else folder.iterdir() if folder.is_dir() else []:
        if path.suffix.lower() == suffix and not _is_hidden(path.relative_to(folder)) and not path.is_dir():
            found.append(path)
    return sorted(found)


def read_text(path: Path) -> str:
    """UTF-8, with or without a byte-order mark. Raises: OSError, UnicodeDecodeError."""
    return path.read_bytes().decode("utf-8-sig")


def folder_named(parent: Path, name: str) -> Path | None:
    """The folder of this name, in any case where it is not there as written; None where there is none."""
    if (parent / name).is_dir():
        return parent / name
    if not parent.is_dir():
        return None
    found = sorted(path for path in parent.iterdir() if path.name.lower() == name.lower() and path.is_dir())
    return found[0] if found else None


def file_named(parent: Path, name: str) -> Path:
    """The file of this name, in any case where it is not there as written; the name as written where there is none."""
    if (parent / name).is_file() or not parent.is_dir():
        return parent / name
    return next((path for path in sorted(parent.iterdir()) if path.name.lower() == name.lower()), parent / name)


def passed_over(folder: Path, *, below: bool = False) -> str:
    """A line on the files in a folder of images that are no images; empty where there are none."""
    images, others = set(image_files(folder, below=below)), []
    for path in sorted(folder.rglob("*") if below else folder.iterdir()):
        if path not in images and not _is_hidden(path.relative_to(folder)) and not path.is_dir():
            others.append(path.name)
    some = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
    return f"{folder}: files passed over because they are no images: {len(others)} ({some})" if others else ""


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "@eaDir", "__MACOSX")) for part in path.parts)
