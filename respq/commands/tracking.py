"""CLIENT TRACKING and its kin: client-side caching (see `respq.tracking`)."""

from __future__ import annotations

from respq.command import LOADING, NOSCRIPT, STALE, Argv, Client, command
from respq.commands.arguments import Options, parse_int
from respq.commands.clients import redirection
from respq.errors import CommandError, shown, syntax_error
from respq.protocol.resp import OK, bulk, bulks, integer
from respq.tracking import Tracker

ORDINARY = NOSCRIPT | LOADING | STALE


@command("CLIENT|TRACKING", arity=-3, flags=ORDINARY, group="connection", since="6.0.0",
         syntax="<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] "
                "[OPTOUT] [NOLOOP]",
         complexity="O(N) for N prefixes",
         argument_groups="status")  # fmt: skip
def client_tracking(c: Client, argv: Argv) -> bytes:
    """Tell this connection which keys have changed, of those that it has read or of some prefix; or not."""
    tracker, prefixes = _read_options(c, argv)
    mode = argv[2].upper()
    if mode == b"OFF":
        c.server.untrack(c)
        return OK
    if mode != b"ON":
        raise syntax_error()
    _check(c.tracker, tracker, prefixes)
    if c.tracker is not None:
        tracker.chosen = c.tracker.chosen
        tracker.prefixes = c.tracker.prefixes
    c.server.track(c, tracker, prefixes)
    return OK


def _read_options(c: Client, argv: Argv) -> tuple[Tracker, list[bytes]]:
    """What is asked for. Raises CommandError."""
    tracker, prefixes = Tracker(), []
    for option in (options := Options(argv, 3)):
        if option == b"REDIRECT" and options.left:
            if tracker.redirect:
                raise CommandError("A client can only redirect to a single other client")
            tracker.redirect = parse_int(options.value())
            if tracker.redirect not in c.server.clients:
                raise CommandError("The client ID you want redirect to does not exist")
        elif option == b"PREFIX" and options.left:
            prefixes.append(options.value())
        elif option == b"BCAST":
            tracker.broadcast = True
        elif option == b"OPTIN":
            tracker.opt_in = True
        elif option == b"OPTOUT":
            tracker.opt_out = True
        elif option == b"NOLOOP":
            tracker.no_loop = True
        else:
            raise syntax_error()
    return tracker, prefixes


def _check(before: Tracker | None, tracker: Tracker, prefixes: list[bytes]) -> None:
    """Raise CommandError for what does not fit together, or with what was asked for `before`."""
    if prefixes and not tracker.broadcast:
        raise CommandError("PREFIX option requires BCAST mode to be enabled")
    if before is not None and before.broadcast != tracker.broadcast:
        raise _switched("BCAST mode on/off")
    if tracker.broadcast and tracker.selective:
        raise CommandError("OPTIN and OPTOUT are not compatible with BCAST")
    if tracker.opt_in and tracker.opt_out:
        raise CommandError("You can't specify both OPTIN mode and OPTOUT mode")
    if before is not None and (before.opt_in, before.opt_out) == (tracker.opt_out, tracker.opt_in) != (0, 0):
        raise _switched("OPTIN/OPTOUT mode")
    _check_prefixes(before.prefixes if before is not None else set(), prefixes)


def _switched(what: str) -> CommandError:
    return CommandError(
        f"You can't switch {what} before disabling tracking for this client, and then re-enabling it with a "
        "different mode."
    )


def _check_prefixes(before: set[bytes], prefixes: list[bytes]) -> None:
    """Raise CommandError if one begins with another. O(n log n)."""
    overlapping = _overlapping([*before, *prefixes])
    for at, prefix in enumerate(prefixes):
        if prefix in overlapping:
            for which, others in (
                (b"an existing", sorted(before)),
                (b"another provided", prefixes[at + 1 :]),
            ):
                for other in others:
                    if prefix.startswith(other) or other.startswith(prefix):
                        raise _overlap(prefix, which, other)


def _overlapping(prefixes: list[bytes]) -> set[bytes]:
    """Those that another one begins with, or that begin with another one. O(n log n)."""
    found: set[bytes] = set()
    nested: list[bytes] = []  # each begins with the one before
    for prefix in sorted(prefixes):
        while nested and not prefix.startswith(nested[-1]):
            nested.pop()
        if nested:
            found |= {prefix, nested[-1]}
        nested.append(prefix)
    return found


def _overlap(prefix: bytes, which: bytes, other: bytes) -> CommandError:
    return CommandError(
        b"Prefix '%b' overlaps with %b prefix '%b'. Prefixes for a single client must not overlap."
        % (shown(prefix), which, shown(other))
    )


@command("CLIENT|CACHING", arity=3, flags=ORDINARY, group="connection", since="6.0.0", syntax="<YES | NO>",
         argument_groups="mode")  # fmt: skip
def client_caching(c: Client, argv: Argv) -> bytes:
    """Say whether what the next command reads is to be remembered, where CLIENT TRACKING left that open."""
    tracker = c.tracker
    if tracker is None:
        raise CommandError(
            "CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode "
            "enabled"
        )
    mode = argv[2].upper()
    if mode == b"YES":
        if not tracker.opt_in:
            raise CommandError("CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
    elif mode == b"NO":
        if not tracker.opt_out:
            raise CommandError("CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
    else:
        raise syntax_error()
    tracker.chosen = True
    return OK


@command("CLIENT|GETREDIR", arity=2, flags=ORDINARY, group="connection", since="6.0.0")
def client_getredir(c: Client, argv: Argv) -> bytes:
    """Who gets this connection's invalidation messages; 0: itself, -1: nobody, it does not track keys."""
    return integer(redirection(c))


@command("CLIENT|TRACKINGINFO", arity=2, flags=ORDINARY, group="connection", since="6.2.0")
def client_trackinginfo(c: Client, argv: Argv) -> bytes:
    """Describe how this connection tracks keys."""
    tracker = c.tracker
    prefixes = sorted(tracker.prefixes) if tracker is not None else []
    return c.enc.map([
        (bulk(b"flags"), c.enc.set(list(map(bulk, _flags(tracker))))),
        (bulk(b"redirect"), integer(redirection(c))),
        (bulk(b"prefixes"), bulks(prefixes)),
    ])  # fmt: skip


def _flags(tracker: Tracker | None) -> list[bytes]:
    """The words of CLIENT TRACKINGINFO."""
    if tracker is None:
        return [b"off"]
    words = [
        (b"on", True),
        (b"bcast", tracker.broadcast),
        (b"optin", tracker.opt_in),
        (b"caching-yes", tracker.opt_in and tracker.chosen),
        (b"optout", tracker.opt_out),
        (b"caching-no", tracker.opt_out and tracker.chosen),
        (b"noloop", tracker.no_loop),
        (b"broken_redirect", tracker.broken),
    ]
    return [word for word, holds in words if holds]
