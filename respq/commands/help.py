"""The HELP subcommands: one layout for all of them.

Clients show these lines as they come; the layout (a heading, then each form of the command followed
by its indented description, HELP last) is the one that redis-server 8.2.3 was seen to use.
"""

from __future__ import annotations

from textwrap import dedent

from respq.protocol.resp import array, simple


def help_reply(name: str, forms: str) -> bytes:
    """The reply of `name HELP`: one simple string for each line of `forms`, between heading and HELP."""
    lines = [
        f"{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        *dedent(forms).strip().split("\n"),
        "HELP",
        "    Show these lines.",
    ]
    return array([simple(line.encode()) for line in lines])
