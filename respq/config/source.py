"""Where directives come from at a start: files in the format of redis.conf, and the command line.

Both become the same thing, a `Setting` with the place where it was read. A line is split into words as
inline commands are; `#` begins a comment only at the start of a line. `include` takes a path, or a
pattern that may match nothing. On the command line a word that begins with `--` names a directive
and the words up to the next one are its values, except that the first word behind a name is a value
in any case (`--requirepass --secret`), that name and values may be one word (`--port 6380`, quoted),
and that `--save` may have none. All of it as redis-server 8.2.3 reads it.
"""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from respq.config.kinds import ConfigError, decoded, encoded
from respq.words import split_words

MAX_DEPTH = 16  # files including files; a file that includes itself ends here


class Setting(NamedTuple):
    """A directive's name as it was written, its values, and where: `respq.conf:3`, or the command line."""

    name: str
    words: list[str]
    place: str


def read_file(path: str, depth: int = 0) -> Iterator[Setting]:
    """The directives of a file and of those it includes; `-` is standard input. Raises ConfigError."""
    for number, line in enumerate(_read(path).split(b"\n"), 1):
        place = f"{path}:{number}"
        words = split_line(line)
        if words is None:
            raise ConfigError(f"{place}: unbalanced quotes")
        if words and words[0].lower() == "include":
            yield from _included(words[1:], place, depth)
        elif words:
            yield Setting(words[0], words[1:], place)


def split_line(line: bytes) -> list[str] | None:
    """The words of one line; none in a comment, None for quotes that do not match."""
    line = line.strip(b" \t\r\n")
    if line.startswith(b"#"):
        return []
    words = split_words(line)
    return None if words is None else [decoded(word) for word in words]


def _included(patterns: list[str], place: str, depth: int) -> Iterator[Setting]:
    if len(patterns) != 1:
        raise ConfigError(f"{place}: include takes one path")
    if depth == MAX_DEPTH:
        raise ConfigError(f"{place}: files include each other more than {MAX_DEPTH} deep")
    pattern = patterns[0]
    for path in sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]:  # noqa: PTH207 - any path
        yield from read_file(path, depth + 1)


def _read(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read the configuration file {path}: {error.strerror}") from None


def read_arguments(arguments: Sequence[str]) -> Iterator[Setting]:
    """The directives of the command line. Raises ConfigError."""
    settings: list[Setting] = []
    value_due = False  # the next word is a value, whatever it looks like
    for position, word in enumerate(arguments):
        if word.startswith("--") and not value_due:
            following = arguments[position + 1 : position + 2]
            settings.append(_option(word))
            value_due = not settings[-1].words and not _is_empty_save(settings[-1], following)
        elif settings:
            settings[-1].words.append(word)
            value_due = False
        else:
            raise ConfigError(f"{word} is neither a configuration file nor a --directive")
    yield from settings


def _option(word: str) -> Setting:
    words = split_words(encoded(word[2:]))
    if not words:
        raise ConfigError(f"{word} is no directive")
    return Setting(decoded(words[0]), [decoded(value) for value in words[1:]], "command line")


def _is_empty_save(setting: Setting, following: Sequence[str]) -> bool:
    """`--save` without a value means `--save ""`, as programs write it that join an empty list."""
    return setting.name.lower() == "save" and (not following or following[0].startswith("--"))
