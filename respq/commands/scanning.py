"""What SCAN and its relatives share: their options, and how they answer.

HSCAN, SSCAN and ZSCAN look for the key before they look at the options: without a key they answer that
there is nothing, whatever the options are. Observed on redis-server 8.2.3.
"""

from __future__ import annotations

from collections.abc import Sequence

from respq import glob
from respq.commands.arguments import Options, parse_int
from respq.errors import CommandError, syntax_error
from respq.protocol import Argv
from respq.protocol.resp import array, bulk, bulks

DEFAULT_COUNT = 10


class ScanOptions:
    """COUNT and MATCH, and NOVALUES or TYPE where they have a meaning."""

    __slots__ = ("count", "kind", "pattern", "values")

    def __init__(self, argv: Argv, at: int, *, of_hash: bool = False, of_keys: bool = False) -> None:
        """Read the words from `argv[at]` on. Raises CommandError."""
        self.count = DEFAULT_COUNT
        self.pattern = b"*"
        self.kind: bytes | None = None
        self.values = True
        for name in (options := Options(argv, at)):
            if name == b"COUNT":
                self.count = parse_int(options.value())
                if self.count < 1:
                    raise syntax_error()
            elif name == b"MATCH":
                self.pattern = options.value()
            elif name == b"TYPE" and of_keys:
                self.kind = options.value().lower()
            elif name == b"NOVALUES":
                if not of_hash:
                    raise CommandError("NOVALUES option can only be used in HSCAN")
                self.values = False
            else:
                raise syntax_error()

    def matching(self, names: Sequence[bytes]) -> Sequence[bytes]:
        """Those of `names` that match the pattern."""
        return names if self.pattern == b"*" else list(filter(glob.matcher(self.pattern), names))


def scan_reply(cursor: int, found: Sequence[bytes]) -> bytes:
    """The next cursor and what was found."""
    return array([bulk(b"%d" % cursor), bulks(found)])
