"""CONFIG: the directives of a running server. What they mean is `respq.config`'s business."""

from __future__ import annotations

from respq.command import ADMIN, LOADING, NOSCRIPT, STALE, Argv, Client, command, container
from respq.commands.help import help_reply
from respq.config.kinds import ConfigError, decoded, encoded
from respq.errors import CommandError, syntax_error
from respq.protocol.resp import OK, bulk
from respq.statistics import Statistics

PRIVILEGED = ADMIN | NOSCRIPT | LOADING | STALE
EVERY_NODE = ("request_policy:all_nodes", "response_policy:all_succeeded")
PER_PARAMETER = "O(N) for N directives"

container("CONFIG", group="server", since="2.0.0", summary="Commands about the server's configuration")


@command("CONFIG|GET", arity=-3, flags=PRIVILEGED, group="server", since="2.0.0",
         syntax="parameter [parameter ...]", complexity=PER_PARAMETER)  # fmt: skip
def config_get(c: Client, argv: Argv) -> bytes:
    """The values of the directives whose names match."""
    found = c.server.config.get(*[decoded(pattern) for pattern in argv[2:]])
    return c.enc.map([(bulk(encoded(name)), bulk(encoded(value))) for name, value in found.items()])


@command("CONFIG|SET", arity=-4, flags=PRIVILEGED, group="server", since="2.0.0",
         syntax="parameter value [parameter value ...]", complexity=PER_PARAMETER,
         tips=EVERY_NODE,
         argument_groups="data")  # fmt: skip
def config_set(c: Client, argv: Argv) -> bytes:
    """Change directives while the server runs: all of them, or none."""
    if len(argv) % 2:
        raise syntax_error()
    words = [decoded(word) for word in argv[2:]]
    try:
        c.server.config.set(list(zip(words[::2], words[1::2], strict=True)), local=c.transport.is_local())
    except ConfigError as error:
        raise CommandError(encoded(str(error))) from None
    return OK


@command("CONFIG|REWRITE", arity=2, flags=PRIVILEGED, group="server", since="2.8.0", tips=EVERY_NODE)
def config_rewrite(c: Client, argv: Argv) -> bytes:
    """Write the configuration as it is now into the file that it came from."""
    try:
        c.server.config.rewrite()
    except ConfigError as error:
        raise CommandError(encoded(str(error))) from None
    return OK


@command("CONFIG|RESETSTAT", arity=2, flags=PRIVILEGED, group="server", since="2.0.0", tips=EVERY_NODE)
def config_resetstat(c: Client, argv: Argv) -> bytes:
    """Start counting anew what INFO shows."""
    c.server.count_done()
    c.server.stats = Statistics()
    c.server.rubble.freed = 0
    for spec in c.server.specs.values():
        spec.reset_statistics()
    for db in c.server.databases:
        db.expired = db.expired_fields = 0
    return OK


@command("CONFIG|HELP", arity=2, flags=LOADING | STALE, group="server", since="5.0.0")
def config_help(c: Client, argv: Argv) -> bytes:
    """Describe the subcommands of CONFIG."""
    return help_reply(
        "CONFIG",
        """
        GET <pattern> [<pattern> ...]
            The directives whose names match a pattern, and their values.
        SET <directive> <value> [<directive> <value> ...]
            Change directives until the server stops.
        REWRITE
            Write the present values into the configuration file.
        RESETSTAT
            Start counting anew what INFO shows.
        """,
    )
