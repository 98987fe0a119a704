"""The configuration: one attribute for each directive of redis-server 8.2.3.

`config.maxclients` is an int, read as a plain attribute on the way of a command; the table in
`directives` says what there is, `kinds` how values are spelled, `source` reads files and the command
line, `rewriting` writes them back. A Config made without a file has the defaults. CONFIG SET is all
or nothing: every value is read before the first hook runs, and a hook that raises ConfigError takes
everything back. Error texts behind "CONFIG SET failed" are those of redis-server 8.2.3; those of a
start name the directive and the place in one line.

Paths in directives are seen from the working directory; `respq serve` makes `dir` the working
directory when it was given, as redis-server does, so that `logfile redis.log` means the same file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from respq.config.directives import BY_ANY_NAME, DIRECTIVES, OBSOLETE, REFUSED, Directive, Fixed, Inert, Live
from respq.config.files import replace_file
from respq.config.kinds import ConfigError, OutputLimit, encoded, until_nul
from respq.config.rewriting import rewritten
from respq.config.source import Setting, read_arguments, read_file
from respq.glob import matcher

__all__ = ["Config", "ConfigError", "OutputLimit", "is_secret"]

ALIASES_ARE_KNOWN = (8, 10)  # from this version of Redis on both names of a directive are one too many
Hook = Callable[[], None]
Pairs = Iterable[tuple[str, str]] | Mapping[str, str]


class UserLine(NamedTuple):
    """A `user` line: the rules for one user of the ACL, which are not understood yet, and where it stands."""

    rules: list[str]
    place: str


class Config(Live, Inert, Fixed):
    """All directives. `warnings`: what a start should tell people; `given`: what it was told by them."""

    def __init__(self) -> None:
        self.file: Path | None = None  # that CONFIG REWRITE writes
        self.given: set[str] = set()
        self.warnings: list[str] = []
        self.users: dict[str, UserLine] = {}  # of the configuration file, by name
        self.user_lines: Callable[[], list[str]] = list  # of the users there are now, for CONFIG REWRITE
        self._hooks: dict[str, list[Hook]] = {}
        for directive in DIRECTIVES.values():
            self._write(directive, directive.default)
        self.dir = str(Path(self.dir).absolute())
        self._defaults = {name: self._read(directive) for name, directive in DIRECTIVES.items()}
        self.on_change("dir", self._refuse_to_move)

    # -- start -------------------------------------------------------------------------------------

    @classmethod
    def load(cls, file: str | None = None, arguments: Sequence[str] = ()) -> Self:
        """Defaults, then a file (`-`: standard input), then the command line. Raises ConfigError."""
        config = cls()
        if file is not None:
            if file.startswith("-") and file != "-":
                raise ConfigError(f"{file} is neither a configuration file nor a --directive")
            if file != "-":
                config.file = Path(file).absolute()
            for setting in read_file(file):
                config._take(setting)
        for setting in read_arguments(arguments):
            config._take(setting)
        if not config.appendonly and "save" not in config.given:
            config.warnings.append("appendonly no and no save points: nothing is kept on disk by itself")
        return config

    def _take(self, setting: Setting) -> None:
        name = setting.name.lower()
        if name in OBSOLETE:
            return
        try:
            if name == "user":
                self._take_user(setting)
                return
            if name in REFUSED:
                raise ConfigError(REFUSED[name])
            if (directive := BY_ANY_NAME.get(name)) is None:
                raise ConfigError(f"there is no such directive{_advice(name)}")
            self._take_words(directive, setting.words)
        except ConfigError as error:
            raise ConfigError(f"{setting.place}: {setting.name}: {error}") from None

    def _take_user(self, setting: Setting) -> None:
        if not setting.words:
            raise ConfigError("wrong number of arguments")
        name, *rules = setting.words
        if name in self.users:
            raise ConfigError(f"{name} is defined twice")
        self.users[name] = UserLine(rules, setting.place)

    def _take_words(self, directive: Directive[object], words: list[str]) -> None:
        if len(words) != 1 and not directive.kind.several:
            raise ConfigError("wrong number of arguments")
        if directive.kind.adds_up and directive.name in self.given and words != [""]:
            words = [*directive.kind.show(self._read(directive)).split(), *words]
        self.given.add(directive.name)
        value = self._value_of(directive, words)
        if _is_refused(directive, value):
            raise ConfigError(directive.about)
        self._write(directive, value)

    # -- CONFIG ------------------------------------------------------------------------------------

    def get(self, *patterns: str) -> dict[str, str]:
        """What matches, by name; a name without wildcards is answered as it was spelled. O(directives)."""
        found: dict[str, tuple[str, str]] = {}  # lower-case name: name to show, value
        for pattern in patterns:
            for name in _matching(pattern):
                directive = BY_ANY_NAME[name.lower()]
                found.setdefault(name.lower(), (name, directive.kind.show(self._read(directive))))
        return dict(found.values())

    def set(self, pairs: Pairs, *, at_start: bool = False, local: bool = True) -> None:
        """Change several directives or none. Raises ConfigError with the text that follows "ERR ".

        `at_start` allows what cannot change later, and runs no hooks; `local`: asked from this machine.
        """
        pairs = list(pairs.items() if isinstance(pairs, Mapping) else pairs)
        chosen = self._choose([name for name, _ in pairs], at_start, local)
        before = {directive.name: self._read(directive) for _, directive in chosen}
        try:
            for (name, directive), (_, text) in zip(chosen, pairs, strict=True):
                self._assign(name, directive, text)
        except ConfigError:
            self._restore(before)
            raise
        if not at_start:
            self._apply(before)

    def on_change(self, name: str, hook: Hook) -> None:
        """Have `hook` called after CONFIG SET changed a directive; ConfigError from it undoes the change."""
        self._hooks.setdefault(name, []).append(hook)

    def rewrite(self) -> None:
        """Write the present values into the file that the configuration came from. Raises ConfigError."""
        if self.file is None:
            raise ConfigError("The server is running without a config file")
        try:
            old = self.file.read_bytes() if self.file.exists() else b""
            replace_file(self.file, rewritten(old, self._lines, self.user_lines()))
        except OSError as error:
            raise ConfigError(f"Rewriting config file: {error.strerror}") from None

    def _lines(self, directive: Directive[object]) -> list[tuple[str, bool]]:
        return directive.kind.lines(self._read(directive), self._defaults[directive.name])

    def _choose(
        self, names: Sequence[str], at_start: bool, local: bool
    ) -> list[tuple[str, Directive[object]]]:
        """The directives meant, under the names that error texts call them. Raises ConfigError."""
        chosen: list[tuple[str, Directive[object]]] = []
        for name in names:
            directive = BY_ANY_NAME.get(name.lower())
            if directive is None:
                raise ConfigError(
                    f"Unknown option or number of arguments for CONFIG SET - '{until_nul(name)}'"
                )
            if not at_start:
                self._check_mutable(name, directive, local)
            if any(
                name.lower() == other or (directive is known and self.compat_version >= ALIASES_ARE_KNOWN)
                for other, known in chosen
            ):
                raise _failed(name, "duplicate parameter")
            chosen.append((name.lower(), directive))
        return chosen

    def _assign(self, name: str, directive: Directive[object], text: str) -> None:
        try:
            words = text.split(" ") if directive.kind.several else [text]
            value = self._value_of(directive, words)
            if _is_refused(directive, value):
                raise ConfigError(directive.about)
        except ConfigError as error:
            raise _failed(name, str(error)) from None
        self._write(directive, value)

    def _value_of(self, directive: Directive[object], words: Sequence[str]) -> object:
        if directive.kind.ends_at_nul:
            words = [until_nul(word) for word in words]
        return directive.kind.read(words, self._read(directive))

    def _check_mutable(self, name: str, directive: Directive[object], local: bool) -> None:
        if not directive.mutable:
            raise _failed(name, "can't set immutable config")
        allowed = self.enable_protected_configs == "yes" or (
            self.enable_protected_configs == "local" and local
        )
        if directive.protected and not allowed:
            raise _failed(name, "can't set protected config")

    def _apply(self, before: Mapping[str, object]) -> None:
        """Run the hooks of what changed, each once; if one refuses, go back to `before`."""
        hooks: dict[Hook, str] = {}
        for name, value in before.items():
            if self._read(DIRECTIVES[name]) != value:
                hooks.update({hook: name for hook in self._hooks.get(name, ()) if hook not in hooks})
        done: list[Hook] = []
        for hook, name in hooks.items():
            try:
                hook()
            except ConfigError as error:
                self._restore(before)
                for earlier in done:
                    earlier()
                raise _failed(name, str(error)) from None
            done.append(hook)

    def _refuse_to_move(self) -> None:
        try:
            os.scandir(self.dir).close()
        except OSError as error:
            raise ConfigError(error.strerror) from None
        raise ConfigError("respq stays in its directory while it runs")

    # -- values ------------------------------------------------------------------------------------

    def _read(self, directive: Directive[object]) -> object:
        value: object = getattr(self, directive.attribute)
        return value

    def _write(self, directive: Directive[object], value: object) -> None:
        setattr(self, directive.attribute, value)

    def _restore(self, before: Mapping[str, object]) -> None:
        for name, value in before.items():
            self._write(DIRECTIVES[name], value)


def _advice(name: str) -> str:
    """What somebody probably meant by `port=7000`."""
    before, equals, _ = name.partition("=")
    return f"; a blank belongs behind {before}" if equals and before in BY_ANY_NAME else ""


def is_secret(name: str) -> bool:
    """Whether the value of a directive, under any of its names, is not to be shown to people."""
    directive = BY_ANY_NAME.get(name.lower())
    return directive is not None and directive.secret


def _is_refused(directive: Directive[object], value: object) -> bool:
    return directive.role is Fixed and value != directive.default


def _failed(name: str, reason: str) -> ConfigError:
    return ConfigError(f"CONFIG SET failed (possibly related to argument '{name}') - {reason}")


def _matching(pattern: str) -> Iterator[str]:
    """The names that a pattern of CONFIG GET stands for; without wildcards, the one that it spells."""
    if not set("*?[") & set(pattern):
        if pattern.lower() in BY_ANY_NAME:
            yield pattern
        return
    matches = matcher(encoded(pattern), ignore_case=True)
    yield from (name for name in BY_ANY_NAME if matches(name.encode()))
