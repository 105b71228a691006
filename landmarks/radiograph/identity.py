"""Names for films that say nothing about a person: a keyed hash, the same for one film on one machine."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

_KEY_BYTES = 32
_ID_DIGITS = 16


def load_key(path: Path | None = None) -> bytes:
    """The user's key, made at first use in the user's configuration folder, readable by the user alone.

    Whoever has the key and a list of patients could find a film's patient; without it the ids say nothing.
    """
    path = path or _key_path()
    try:
        key = path.read_bytes()
        if len(key) == _KEY_BYTES:
            return key
        raise ValueError(f"{path}: not a key of {_KEY_BYTES} bytes; remove the file, and a new key is made")
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process was first
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        file.write(key := secrets.token_bytes(_KEY_BYTES))
    return key


def _key_path() -> Path:
    folder = os.environ.get("XDG_CONFIG_HOME") or os.environ.get("APPDATA") or Path.home() / ".config"
    return Path(folder) / "landmarks" / "film_id.key"


def film_id(identity: str, key: bytes) -> str:
    """Pseudonym of a film. `identity` is what is unique to it, such as a SOP instance UID."""
    return hmac.new(key, identity.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()[:_ID_DIGITS]
