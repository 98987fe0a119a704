"""Restricted users: their commands, wrapped so that they ask first.

Who may do everything has the plain table and pays nothing. For everybody else each command is one of three
things, decided when the table is built: the plain handler (nothing about it is restricted), a refusal, or a
handler that looks at the keys and channels first. For a key in front, and patterns that are names or fixed
beginnings, that look takes 60 ns; in a run of many keys, half of it. Runs and transactions are asked about as
a whole, so that they are executed as one for restricted users too.

Rejected, by measurement: a set of keys that were allowed before. It is quicker as long as there are few, and
slower than a comparison once it does not fit the cache of the processor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from respq.acl.log import Refusal
from respq.acl.permissions import Denial, Grant, Patterns, Permissions, Request
from respq.acl.selectors import Access
from respq.acl.users import User
from respq.describe import NoKeysError, key_indexes, key_words, stretch_of
from respq.errors import CommandError
from respq.flags import Channels, Flag, Keys
from respq.protocol import Argv
from respq.protocol.runs import Run
from respq.state import Client, Handler, Rejected, Spec

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


class Restriction:
    """Wraps handlers for whoever has certain permissions.

    Of wrapped handlers that are plain ones but for the look at keys it can tell beforehand what they will
    allow: for runs, and for transactions that are executed as a whole.
    """

    def __init__(self, permissions: Permissions) -> None:
        self._permissions = permissions
        self._tests: dict[Handler, ArgvTest] = {}
        self._run_tests: dict[Handler, RunTest] = {}

    def admits(self, handler: Handler, argv: Argv) -> bool:
        """Whether `handler` is the plain one behind a look at keys, and would execute this command."""
        test = self._tests.get(handler)
        return test is not None and test(argv)

    def admits_run(self, handler: Handler, run: Run) -> bool:
        """As `admits`, for all commands of a run."""
        test = self._run_tests.get(handler)
        return test is not None and test(run)

    def wrap(self, refuse: Refuse, spec: Spec, handler: Handler) -> Handler:
        """The handler of `spec` as these permissions allow it."""
        if Flag.NO_AUTH in spec.flags:
            return handler
        name = spec.fullname.encode()
        grants = [grant for grant in self._permissions.grants if name in grant.allowed]
        named = [keys for keys in spec.keys if "not_key" not in keys.flags]
        if any((g.all_keys or not named) and (g.all_channels or not spec.channels) for g in grants):
            return handler
        by_first_arg = any(name in grant.first_args for grant in self._permissions.grants)
        if grants and not by_first_arg and not spec.channels:
            locate = _locator(named)
            patterns = None if locate is None else _patterns(spec, grants, named)
            if patterns is not None and _is_in_front(named):
                return self._looking_in_front(refuse, spec, handler, Patterns(patterns))
            if patterns is not None and locate is not None:
                return self._looking_at(locate, refuse, spec, handler, Patterns(patterns))
        return self._looking(refuse, spec, handler)

    def _refusal(self, refuse: Refuse, spec: Spec, c: Client, argv: Argv) -> CommandError:
        denial = self._permissions.denial(request_of(spec, argv))
        assert denial is not None
        return refuse(c, spec, denial)

    def _looking(self, refuse: Refuse, spec: Spec, handler: Handler) -> Handler:
        """Whatever the command asks for is looked at. O(keys)."""
        denial_of = self._permissions.denial

        def looking(c: Client, argv: Argv) -> bytes:
            denial = denial_of(request_of(spec, argv))
            if denial is not None:
                raise refuse(c, spec, denial)
            return handler(c, argv)

        def test(argv: Argv) -> bool:
            return denial_of(request_of(spec, argv)) is None

        self._remember(spec, handler, looking, test)
        return looking

    def _looking_in_front(self, refuse: Refuse, spec: Spec, handler: Handler, patterns: Patterns) -> Handler:
        """The second word is the only key."""
        match = patterns.match
        low, high = patterns.ends[:2] or (b"", b"")

        def looking(c: Client, argv: Argv) -> bytes:
            if low <= argv[1] < high or match(argv[1]):
                return handler(c, argv)
            raise self._refusal(refuse, spec, c, argv)

        def run_test(run: Run) -> bool:
            return patterns.match_all(_column(run, 1))

        self._remember(spec, handler, looking, lambda argv: match(argv[1]), run_test)
        return looking

    def _looking_at(
        self, locate: Locate, refuse: Refuse, spec: Spec, handler: Handler, patterns: Patterns
    ) -> Handler:
        """All keys are found at once."""
        match_all = patterns.match_all

        def looking(c: Client, argv: Argv) -> bytes:
            if match_all(argv[locate(argv)[0]]):
                return handler(c, argv)
            raise self._refusal(refuse, spec, c, argv)

        def test(argv: Argv) -> bool:
            return match_all(argv[locate(argv)[0]])

        def run_test(run: Run) -> bool:
            where, decisive = locate(run.first(1).commands[0])
            if decisive > len(run.shared):
                return _each(test, run)
            return all(match_all(_column(run, at)) for at in range(*where.indices(run.words)))

        self._remember(spec, handler, looking, test, run_test)
        return looking

    def _remember(
        self, spec: Spec, handler: Handler, looking: Handler, test: ArgvTest, run_test: RunTest | None = None
    ) -> None:
        """Be able to tell what a handler will allow, if that is the plain one behind a look at keys."""
        if handler is spec.bare:
            self._tests[looking] = test
            self._run_tests[looking] = run_test or (lambda run: _each(test, run))


def _each(test: ArgvTest, run: Run) -> bool:
    """Whether a test holds for each command of a run, which often is one command over and over."""
    commands = run.commands
    return test(commands[0]) and (commands.count(commands[0]) == len(commands) or all(map(test, commands)))


def _is_in_front(named: Sequence[Keys]) -> bool:
    """Whether the second word is the only key."""
    return _slice_of(named) == IN_FRONT


def _column(run: Run, at: int) -> Sequence[bytes]:
    """The words of a run at one place; one, if it is the same in all commands."""
    shared = len(run.shared)
    return run.shared[at : at + 1] if at < shared else run.columns[at - shared]


def _locator(named: Sequence[Keys]) -> Locate | None:
    """What finds all keys of a command; None if they have to be looked for one by one."""
    where = _slice_of(named)
    if where is not None:
        return lambda argv: (where, 0)
    if len(named) > 1 or named[0].find is not None:
        return None
    [keys] = named

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


def _patterns(spec: Spec, grants: Sequence[Grant], named: Sequence[Keys]) -> list[bytes] | None:
    """The patterns that allow what a command does to each of its keys.

    None if its words decide what that is, if it differs, or if one selector has to allow several keys.
    """
    if len(grants) > 1 and not _is_in_front(named):
        return None
    if all(access is Access.BOTH for grant in grants for access in grant.keys.values()):
        return [pattern for grant in grants for pattern in grant.keys]
    if any("variable_flags" in keys.flags for keys in named):
        return None
    accesses = {_access(spec, keys, []) for keys in named}
    if len(accesses) > 1:
        return None
    access = accesses.pop()
    return [pattern for grant in grants for pattern in grant.patterns_for(access)]
