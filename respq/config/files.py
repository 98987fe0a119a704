"""Files that people write and respq brings up to date."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(file: Path, data: bytes) -> None:
    """Replace a file by one with other contents, at once or not at all, and keep its mode. Raises OSError."""
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o600
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        with open(temporary, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(mode)  # what the umask took away
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
