"""Commands without the passwords in them, for whatever shows commands to people."""

from __future__ import annotations

from respq.config import is_secret
from respq.config.kinds import decoded
from respq.protocol import Argv

REDACTED = b"(redacted)"
ABOUT_ONE_USER = (b"SETUSER", b"GETUSER", b"DELUSER")  # subcommands of ACL


def redacted(argv: Argv) -> Argv:
    """The command without its passwords, for MONITOR and the slow log."""
    name = argv[0].upper()
    hidden: list[int] = []
    if name == b"AUTH":
        hidden = list(range(1, len(argv)))
    elif name == b"HELLO":
        at = 2
        while at < len(argv):
            option, left = argv[at].upper(), len(argv) - at - 1
            if option == b"AUTH" and left >= 2:
                hidden += (at + 1, at + 2)
                at += 3
            elif option == b"SETNAME" and left:
                at += 2
            else:
                break
    elif name == b"MIGRATE":
        words = {b"AUTH": 1, b"AUTH2": 2}
        named = [(at, words[word.upper()]) for at, word in enumerate(argv[6:], 6) if word.upper() in words]
        hidden = [at + behind for at, count in named for behind in range(1, count + 1)]
    elif name == b"ACL" and len(argv) > 3 and argv[1].upper() == b"DRYRUN":
        return argv[:3] + redacted(argv[3:])
    elif name == b"ACL" and len(argv) > 1 and argv[1].upper() in ABOUT_ONE_USER:
        hidden = list(range(2, len(argv)))
    elif name == b"CONFIG" and len(argv) > 1 and argv[1].upper() == b"SET":
        hidden = [at for at in range(3, len(argv), 2) if is_secret(decoded(argv[at - 1]))]
    return [REDACTED if at in hidden else word for at, word in enumerate(argv)] if hidden else argv
