"""One set of permissions: commands, keys and channels, built up rule by rule.

A user has one, and further ones in parentheses; a command is allowed if one of them allows all of it.
A selector keeps two things of its rules on commands: the names that are allowed in the end, which decide,
and the rules themselves, which ACL LIST shows. A rule takes the place of those that it makes void: of the
same name, and of subcommands of that name.
"""

from __future__ import annotations

from enum import IntFlag

from respq.acl.catalogue import Catalogue
from respq.errors import shown

NO_SUCH_COMMAND = b"Unknown command or category name in ACL"
SYNTAX = b"Syntax error"
FIRST_ARG_OF_SUBCOMMAND = b"Allowing first-arg of a subcommand is not supported"
AFTER_ALL_KEYS = (
    b"Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any "
    b"effect. Try 'resetkeys' to start with an empty list of patterns"
)
AFTER_ALL_CHANNELS = (
    b"Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any "
    b"effect. Try 'resetchannels' to start with an empty list of channels"
)


class RuleError(ValueError):
    """A rule that says nothing. `rule`: which of several it was, if one alone is to blame."""

    rule = b""

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.text = text  # for people


class Access(IntFlag):
    """What is done to a key: NONE looks at whether it is there, at most."""

    NONE = 0
    READ = 1
    WRITE = 2
    BOTH = 3


_PREFIXES = {Access.READ: b"%R~", Access.WRITE: b"%W~", Access.BOTH: b"~"}


class Selector:
    """What is allowed together."""

    __slots__ = ("all_channels", "all_keys", "allowed", "channels", "first_args", "keys", "rules")

    def __init__(self, *, all_channels: bool) -> None:
        self.all_keys = False
        self.keys: dict[bytes, Access] = {}  # by pattern
        self.all_channels = all_channels
        self.channels: dict[bytes, None] = {}  # patterns
        self.allowed: frozenset[bytes] = frozenset()  # names of commands and subcommands
        self.first_args: dict[bytes, frozenset[bytes]] = {}  # of commands that are allowed with these only
        self.rules: dict[bytes, bytes] = {b"@all": b"-"}  # sign by what stands behind it, in order

    def copy(self) -> Selector:
        """One that can be changed by itself."""
        twin = Selector(all_channels=self.all_channels)
        twin.all_keys = self.all_keys
        twin.keys, twin.channels = dict(self.keys), dict(self.channels)
        twin.allowed, twin.first_args = self.allowed, dict(self.first_args)
        twin.rules = dict(self.rules)
        return twin

    # -- rules -------------------------------------------------------------------------------------

    def apply(self, rule: bytes, catalogue: Catalogue) -> None:
        """Change it as one rule says. Raises RuleError."""
        word = shown(rule).lower()
        if word in (b"allkeys", b"~*"):
            self.all_keys = True
            self.keys.clear()
        elif word == b"resetkeys":
            self.all_keys = False
            self.keys.clear()
        elif word in (b"allchannels", b"&*"):
            self.all_channels = True
            self.channels.clear()
        elif word == b"resetchannels":
            self.all_channels = False
            self.channels.clear()
        elif word in (b"allcommands", b"+@all"):
            self._choose_all(b"+", catalogue.names)
        elif word in (b"nocommands", b"-@all"):
            self._choose_all(b"-", frozenset())
        elif rule[:1] in (b"~", b"%"):
            self._add_key_pattern(rule)
        elif rule[:1] == b"&":
            self._add_channel_pattern(rule[1:])
        elif word[:2] in (b"+@", b"-@"):
            self._choose_category(word[:1], word[1:], catalogue)
        elif rule[:1] == b"+":
            self._allow(word[1:], catalogue)
        elif rule[:1] == b"-":
            if word[1:] not in catalogue.names:
                raise RuleError(NO_SUCH_COMMAND)
            self._choose(b"-", word[1:], _with_subcommands(word[1:], catalogue))
        else:
            raise RuleError(SYNTAX)

    def _add_key_pattern(self, rule: bytes) -> None:
        if self.all_keys:
            raise RuleError(AFTER_ALL_KEYS)
        access, pattern = Access.BOTH, rule[1:]
        if rule[:1] == b"%":
            letters, _, pattern = pattern.partition(b"~")
            named = {b"R": Access.READ, b"W": Access.WRITE, b"RW": Access.BOTH, b"WR": Access.BOTH}
            if letters.upper() not in named:
                raise RuleError(SYNTAX)
            access = named[letters.upper()]
        if _cannot_stand_in_a_line(pattern):
            raise RuleError(SYNTAX)
        self.keys[pattern] = self.keys.get(pattern, Access.NONE) | access

    def _add_channel_pattern(self, pattern: bytes) -> None:
        if self.all_channels:
            raise RuleError(AFTER_ALL_CHANNELS)
        if _cannot_stand_in_a_line(pattern):
            raise RuleError(SYNTAX)
        self.channels[pattern] = None

    def _choose_all(self, sign: bytes, allowed: frozenset[bytes]) -> None:
        self.allowed = allowed
        self.first_args.clear()
        self.rules = {b"@all": sign}

    def _choose_category(self, sign: bytes, category: bytes, catalogue: Catalogue) -> None:
        members = catalogue.categories.get(category[1:])
        if members is None:
            raise RuleError(NO_SUCH_COMMAND)
        self._choose(sign, category, members)

    def _allow(self, name: bytes, catalogue: Catalogue) -> None:
        """`+command`, `+command|subcommand` or, deprecated but there, `+command|first-argument`."""
        if name in catalogue.names:
            self._choose(b"+", name, _with_subcommands(name, catalogue))
            return
        command, bar, first_arg = name.rpartition(b"|")
        if not bar:
            raise RuleError(NO_SUCH_COMMAND)
        if b"|" in command and command in catalogue.names:
            raise RuleError(FIRST_ARG_OF_SUBCOMMAND)
        if command not in catalogue.names:
            raise RuleError(NO_SUCH_COMMAND)
        if not first_arg:
            raise RuleError(SYNTAX)
        if command in catalogue.subcommands:
            raise RuleError(NO_SUCH_COMMAND)
        self.first_args[command] = self.first_args.get(command, frozenset()) | {first_arg}
        self._note(b"+", name)

    def _choose(self, sign: bytes, name: bytes, members: frozenset[bytes]) -> None:
        """Allow or deny some commands, whatever their first arguments."""
        self.allowed = self.allowed | members if sign == b"+" else self.allowed - members
        for member in members & self.first_args.keys():
            del self.first_args[member]
        self._note(sign, name)

    def _note(self, sign: bytes, name: bytes) -> None:
        """Keep a rule for people, behind all that it does not make void."""
        below = name + b"|"
        self.rules = {
            old: its for old, its in self.rules.items() if old != name and not old.startswith(below)
        }
        self.rules[name] = sign

    # -- showing -----------------------------------------------------------------------------------

    def shown_keys(self) -> bytes:
        """The rules for keys, as ACL GETUSER shows them."""
        if self.all_keys:
            return b"~*"
        return b" ".join([_PREFIXES[access] + pattern for pattern, access in self.keys.items()])

    def shown_channels(self) -> bytes:
        """The rules for channels, as ACL GETUSER shows them."""
        return b"&*" if self.all_channels else b" ".join([b"&" + pattern for pattern in self.channels])

    def shown_commands(self) -> bytes:
        """The rules for commands."""
        return b" ".join([sign + name for name, sign in self.rules.items()])

    def shown(self) -> bytes:
        """Rules that make such a selector of a fresh one."""
        channels = self.shown_channels()
        if not self.all_channels:
            channels = b"resetchannels " + channels
        return b" ".join(filter(None, [self.shown_keys(), channels.rstrip(), self.shown_commands()]))


def _with_subcommands(name: bytes, catalogue: Catalogue) -> frozenset[bytes]:
    return catalogue.subcommands.get(name, frozenset()) | {name}


def _cannot_stand_in_a_line(pattern: bytes) -> bool:
    return any(byte in b" \t\n\v\f\r\0" for byte in pattern)
