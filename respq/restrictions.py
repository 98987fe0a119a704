"""Restricted users: their commands, wrapped so that they ask first.

Who may do everything has the plain table and pays nothing. For everybody else each command is one of three
things, decided when the table is built: the plain handler (nothing about it is restricted), a refusal, or a
handler that looks at the keys and channels first: shortly, and if that does not tell that the command is
allowed, at all that it asks for, which takes up to 7 us. The short look is a call and, if the key lies where
the last one of the same command did (`CachedPatterns`), two comparisons: 65 ns, and 35 ns for each key of a
run. Runs and transactions are asked about as a whole, so that they are executed as one for restricted users,
too.

Rejected, by measurement, of a look at one key that four patterns allow by turns: a set of keys that were
allowed before (75 ns, as long as these fit the cache of the processor; and memory), a search among all
patterns (105), `startswith` with all beginnings (130), one regular expression (170), a code object for each
command, so that the interpreter's own caches do not see all of them (65). For a run: its least and greatest
key (40 ns a key).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from respq.acl.log import Refusal
from respq.acl.permissions import CachedPatterns, Denial, Grant, Patterns, Permissions, Request
from respq.acl.selectors import Access
from respq.acl.users import User
from respq.describe import NoKeysError, key_indexes, key_words, stretch_of
from respq.errors import CommandError
from respq.flags import Channels, Flag, Keys
from respq.protocol import Argv
from respq.protocol.runs import Run
from respq.state import Client, Handler, Rejected, Spec, Step

# Notes a refusal, and makes what it is answered with where the command was asked for.
Refuse = Callable[[Client, Spec, Denial], CommandError]
ArgvTest = Callable[[Argv], bool]
RunTest = Callable[[Run], bool]
Locate = Callable[[Argv], tuple[slice, int]]  # where the keys stand, and how many words decide that

NOWHERE = slice(0, 0), 1 << 40  # this command has no keys, which says nothing of another one
COUNTS = {b"%d" % count: count for count in range(1, 100)}

IN_FRONT = slice(1, 2, 1)  # where most commands have their only key

_OF_WORD = {"access": Access.READ, "insert": Access.WRITE, "delete": Access.WRITE, "update": Access.WRITE}
_WHY_NO_LONGER = {
    "command": "no permission to execute the command or subcommand",
    "key": "no permission to touch the specified keys",
    "channel": "no permission to access one of the channels used as arguments",
}


# -- what a command asks for -----------------------------------------------------------------------


def request_of(spec: Spec, argv: Argv) -> Request:
    """What a command needs to be allowed. Keys that cannot be told need nothing: it will fail. O(keys)."""
    first_arg = argv[1] if len(argv) > 1 else b""
    channels = argv[1:] if spec.channels else ()
    if spec.channels is Channels.FIRST:
        channels = argv[1:2]
    try:
        keys = [
            (argv[index], _access(spec, keys, argv))
            for index, keys in key_indexes(spec, argv)
            if "not_key" not in keys.flags
        ]
    except NoKeysError:
        keys = []
    return Request(spec.fullname.encode(), first_arg, keys, channels, spec.channels is Channels.PATTERNS)


def _access(spec: Spec, keys: Keys, argv: Argv) -> Access:
    access = Access.NONE
    for word in key_words(spec, keys, argv):
        access |= _OF_WORD.get(word, Access.NONE)
    return access


def denial_of(user: User, spec: Spec, argv: Argv) -> Denial | None:
    """Why a user may not run a command, whose number of words is right; None: it is allowed."""
    if user.permissions is None or Flag.NO_AUTH in spec.flags:
        return None
    return user.permissions.denial(request_of(spec, argv))


# -- refusing --------------------------------------------------------------------------------------


def explain(user: User, denial: Denial) -> bytes:
    """What a client is told."""
    if denial.reason == "command":
        return b"User %b has no permissions to run the '%b' command" % (user.name, denial.what)
    return b"No permissions to access a %b" % denial.reason.encode()


def refuse(c: Client, spec: Spec, denial: Denial) -> CommandError:
    """Refuse what a client asked for, now or when its transaction is executed."""
    c.last_spec = spec
    if c.executing:
        note(c, denial, "multi")
        return NoLongerAllowed(
            "ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This "
            f"command is no longer allowed for the following reason: {_WHY_NO_LONGER[denial.reason]}",
            "NOPERM",
        )
    note(c, denial, "toplevel" if c.queued is None else "multi")
    error = Rejected(explain(c.user, denial), "NOPERM")
    error.spec = spec
    return error


def refuse_in_script(c: Client, spec: Spec, denial: Denial) -> CommandError:
    """Refuse what a script asked for."""
    note(c.caller, denial, "lua")
    return Rejected(b"ACL failure in script: " + explain(c.user, denial))


class NoLongerAllowed(CommandError):
    """Refused by EXEC, to which it counts, not to the command."""


def note(c: Client, denial: Denial, context: str, username: bytes | None = None) -> None:
    """Enter a refusal into the log."""
    server = c.server
    refusal = Refusal(denial.reason, context, denial.what, c.user.name if username is None else username)
    limit = server.config.acllog_max_len
    server.access_log.add(refusal, server.client_info(c), server.clock.now_ms, limit)


# -- tables ----------------------------------------------------------------------------------------


class Guard(NamedTuple):
    """What a wrapped handler will allow, which is the plain one but for a look at keys and channels.

    It is the handler's attribute `guard`, and so lives as long as the table that the handler stands in.
    """

    admits: ArgvTest
    admits_run: RunTest


class Looking(NamedTuple):
    """A handler that looks at keys or channels before another one, and what it will allow."""

    handler: Handler
    guard: Guard


def admits_run(handler: Handler, run: Run) -> bool:
    """Whether a restricted client may execute a run by its bulk form; `handler` is not the plain one.

    It may if nothing but a look at its permissions stands before that, and these allow all of the run.
    """
    guard: Guard | None = getattr(handler, "guard", None)
    return guard is not None and guard.admits_run(run)


def admitted(steps: Sequence[Step]) -> list[Step]:
    """The steps of a restricted client's transaction without the look at permissions, which allow them.

    Nothing if they do not, or if something else stands before a handler.
    """
    bare: list[Step] = []
    for handler, spec, argv in steps:
        plain = spec.bare
        if plain is None:
            return []
        if handler is not plain:
            guard: Guard | None = getattr(handler, "guard", None)
            if guard is None or not guard.admits(argv):
                return []
        bare.append((plain, spec, argv))
    return bare


class Restriction:
    """Wraps handlers for whoever has certain permissions."""

    def __init__(self, permissions: Permissions) -> None:
        self._permissions = permissions
        self._patterns: dict[tuple[tuple[Grant, ...], Access], Patterns] = {}

    def wrap(self, refuse: Refuse, spec: Spec, handler: Handler) -> Handler:
        """The handler of `spec` as these permissions allow it."""
        if Flag.NO_AUTH in spec.flags:
            return handler
        name = spec.fullname.encode()
        grants = tuple(grant for grant in self._permissions.grants if name in grant.allowed)
        named = [keys for keys in spec.keys if "not_key" not in keys.flags]
        if any((g.all_keys or not named) and (g.all_channels or not spec.channels) for g in grants):
            return handler
        by_first_arg = any(name in grant.first_args for grant in self._permissions.grants)
        thorough = self._looking(refuse, spec, handler)
        if not grants or by_first_arg:
            return _guarded(*thorough, spec, handler)
        if spec.channels is Channels.FIRST and not named:
            channels = Patterns(channel for grant in grants for channel in grant.channels)
            return _guarded(*_looking_in_front(handler, CachedPatterns(channels), thorough), spec, handler)
        if spec.channels:
            return _guarded(*thorough, spec, handler)
        return _guarded(*self._looking_at_keys(spec, handler, grants, named, thorough), spec, handler)

    def _looking_at_keys(
        self,
        spec: Spec,
        handler: Handler,
        grants: tuple[Grant, ...],
        named: Sequence[Keys],
        thorough: Looking,
    ) -> Looking:
        """A short look, at keys alone, if it is told easily where they stand."""

        def patterns_for(access: Access | None) -> CachedPatterns:
            return CachedPatterns(self._patterns_of(grants, Access.BOTH if access is None else access))

        where = _slice_of(named)
        if where == IN_FRONT:
            return _looking_in_front(handler, patterns_for(_access_to_each(spec, named)), thorough)
        grants = grants[:1]  # one of them has to allow all keys
        if where is not None and all(keys.last == 0 and keys.at < spec.fewest for keys in named):
            places = [(keys.at, patterns_for(_access_to_each(spec, [keys]))) for keys in named]
            return _looking_at_places(handler, places, thorough)
        patterns = patterns_for(_access_to_each(spec, named))
        if where is not None:
            return _looking_at_row(handler, where, patterns, thorough)
        if len(named) == 1 and named[0].find is None:
            return _looking_for_row(handler, _locator(named[0]), patterns, thorough)
        return thorough

    def _patterns_of(self, grants: tuple[Grant, ...], access: Access) -> Patterns:
        """The patterns of keys to which one of the grants allows so much; one object for all commands."""
        patterns = self._patterns.get((grants, access))
        if patterns is None:
            patterns = Patterns(pattern for grant in grants for pattern in grant.patterns_for(access))
            self._patterns[grants, access] = patterns
        return patterns

    def _looking(self, refuse: Refuse, spec: Spec, handler: Handler) -> Looking:
        """Whatever the command asks for is looked at. O(keys)."""
        denial_of = self._permissions.denial

        def looking(c: Client, argv: Argv) -> bytes:
            denial = denial_of(request_of(spec, argv))
            if denial is not None:
                raise refuse(c, spec, denial)
            return handler(c, argv)

        def admits(argv: Argv) -> bool:
            return denial_of(request_of(spec, argv)) is None

        return Looking(looking, Guard(admits, lambda run: _each(admits, run)))


# A short look: what it allows is allowed, and whatever it does not is looked at thoroughly.


def _looking_in_front(handler: Handler, patterns: CachedPatterns, thorough: Looking) -> Looking:
    """The second word is the only key, or channel."""
    match, match_all = patterns.match, patterns.match_all  # the short half of the one is written out here
    look, (admits_else, admits_run_else) = thorough.handler, thorough.guard

    def looking(c: Client, argv: Argv) -> bytes:
        if patterns.low <= argv[1] < patterns.high or match(argv[1]):
            return handler(c, argv)
        return look(c, argv)

    def admits(argv: Argv) -> bool:
        return patterns.low <= argv[1] < patterns.high or match(argv[1]) or admits_else(argv)

    def admits_run(run: Run) -> bool:
        return match_all(_column(run, 1)) or admits_run_else(run)

    return Looking(looking, Guard(admits, admits_run))


def _looking_at_places(
    handler: Handler, places: Sequence[tuple[int, CachedPatterns]], thorough: Looking
) -> Looking:
    """There are so many keys and no more, each at its place."""
    look, (admits_else, admits_run_else) = thorough.handler, thorough.guard

    def looking(c: Client, argv: Argv) -> bytes:
        for at, patterns in places:
            if not patterns.low <= argv[at] < patterns.high and not patterns.match(argv[at]):
                return look(c, argv)
        return handler(c, argv)

    def admits(argv: Argv) -> bool:
        return all(patterns.match(argv[at]) for at, patterns in places) or admits_else(argv)

    def admits_run(run: Run) -> bool:
        return all(patterns.match_all(_column(run, at)) for at, patterns in places) or admits_run_else(run)

    return Looking(looking, Guard(admits, admits_run))


def _looking_at_row(handler: Handler, where: slice, patterns: CachedPatterns, thorough: Looking) -> Looking:
    """All keys stand in one row, whatever the other words are."""
    match_all = patterns.match_all
    look, (admits_else, admits_run_else) = thorough.handler, thorough.guard

    def looking(c: Client, argv: Argv) -> bytes:
        return handler(c, argv) if match_all(argv[where]) else look(c, argv)

    def admits(argv: Argv) -> bool:
        return match_all(argv[where]) or admits_else(argv)

    def admits_run(run: Run) -> bool:
        places = range(*where.indices(run.words))
        return all(match_all(_column(run, at)) for at in places) or admits_run_else(run)

    return Looking(looking, Guard(admits, admits_run))


def _looking_for_row(
    handler: Handler, locate: Locate, patterns: CachedPatterns, thorough: Looking
) -> Looking:
    """All keys stand in one row, but other words decide where."""
    match_all = patterns.match_all
    look, (admits_else, admits_run_else) = thorough.handler, thorough.guard

    def looking(c: Client, argv: Argv) -> bytes:
        return handler(c, argv) if match_all(argv[locate(argv)[0]]) else look(c, argv)

    def admits(argv: Argv) -> bool:
        return match_all(argv[locate(argv)[0]]) or admits_else(argv)

    def admits_run(run: Run) -> bool:
        where, decisive = locate(run.first(1).commands[0])
        if decisive > len(run.shared):
            return _each(admits, run)
        places = range(*where.indices(run.words))
        return all(match_all(_column(run, at)) for at in places) or admits_run_else(run)

    return Looking(looking, Guard(admits, admits_run))


def _guarded(looking: Handler, guard: Guard, spec: Spec, handler: Handler) -> Handler:
    """A wrapped handler that has its guard, if what it wraps is the plain one."""
    if handler is spec.bare:
        looking.__dict__["guard"] = guard
    return looking


def _each(test: ArgvTest, run: Run) -> bool:
    """Whether a test holds for each command of a run, which often is one command over and over."""
    commands = run.commands
    return test(commands[0]) and (commands.count(commands[0]) == len(commands) or all(map(test, commands)))


def _column(run: Run, at: int) -> Sequence[bytes]:
    """The words of a run at one place; one, if it is the same in all commands."""
    shared = len(run.shared)
    if at < shared:
        return run.shared[at : at + 1]
    words = run.columns[at - shared]
    word = words[0]
    return [word] if word == words[-1] and words.count(word) == len(words) else words


def _locator(keys: Keys) -> Locate:
    """What finds all keys of a command at once, for whom these words decide where they are."""

    def locate(argv: Argv) -> tuple[slice, int]:
        try:
            stretch = stretch_of(keys, argv)
        except NoKeysError:
            return NOWHERE
        return stretch, stretch.start

    def locate_counted(argv: Argv) -> tuple[slice, int]:
        first = keys.at + 1
        count = COUNTS.get(argv[keys.at])
        if count is None or first + count > len(argv):
            return locate(argv)
        return slice(first, first + count), first

    return locate_counted if keys.counted and keys.step == 1 else locate


def _slice_of(named: Sequence[Keys]) -> slice | None:
    """Where all keys of a command stand, if they stand in one row in any call."""
    if any(keys.counted or keys.behind or keys.find for keys in named):
        return None
    if len(named) == 1:
        [keys] = named
        last = keys.last if keys.last < 0 else keys.at + keys.last
        return slice(keys.at, None if last == -1 else last + 1, keys.step)
    first = named[0].at
    if [(keys.at, keys.last) for keys in named] == [(first + number, 0) for number in range(len(named))]:
        return slice(first, first + len(named), 1)
    return None


def _access_to_each(spec: Spec, named: Sequence[Keys]) -> Access | None:
    """What a command does to each of its keys; None if its words decide that, or if it differs."""
    if any("variable_flags" in keys.flags for keys in named):
        return None
    accesses = {_access(spec, keys, []) for keys in named}
    return accesses.pop() if len(accesses) == 1 else None
