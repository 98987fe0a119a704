"""MODULE: there are none, and none can be loaded, as in a Redis whose `enable-module-command` is no."""

from __future__ import annotations

from respq.command import (
    ADMIN,
    LOADING,
    NO_ASYNC_LOADING,
    NOSCRIPT,
    STALE,
    Argv,
    Client,
    command,
    container,
)
from respq.commands.help import help_reply
from respq.errors import CommandError
from respq.protocol.resp import EMPTY_ARRAY

_CHANGE = ADMIN | NOSCRIPT | NO_ASYNC_LOADING
_REFUSAL = (  # in the words of redis-server 8.2.3
    'MODULE command not allowed. If the enable-module-command option is set to "local", you can run it from '
    "a local connection, otherwise you need to set this option in the configuration file, and then restart "
    "the server."
)

container("MODULE", group="server", since="4.0.0", summary="Commands about modules, of which there are none")


@command("MODULE|LIST", arity=2, flags=ADMIN | NOSCRIPT, group="server", since="4.0.0",
         tips=("nondeterministic_output_order",))  # fmt: skip
def module_list(c: Client, argv: Argv) -> bytes:
    """List the modules: none."""
    return EMPTY_ARRAY


def _refuse(c: Client, argv: Argv) -> bytes:
    """Refuse, since respq loads no modules."""
    raise CommandError(_REFUSAL)


command("MODULE|LOAD", arity=-3, flags=_CHANGE, group="server", since="4.0.0",
        syntax="path [arg [arg ...]]")(_refuse)  # fmt: skip
command("MODULE|LOADEX", arity=-3, flags=_CHANGE, group="server", since="7.0.0",
        syntax="path [CONFIG name value [CONFIG name value ...]] [ARGS args [args ...]]",
        argument_groups="configs")(_refuse)  # fmt: skip
command("MODULE|UNLOAD", arity=3, flags=_CHANGE, group="server", since="4.0.0", syntax="name")(_refuse)


@command("MODULE|HELP", arity=2, flags=LOADING | STALE, group="server", since="5.0.0")
def module_help(c: Client, argv: Argv) -> bytes:
    """List the forms of MODULE."""
    return help_reply("MODULE", """
        LIST
            List the modules, of which there are none.
        """)  # fmt: skip
