"""`import-mode`: data is copied in from another server, which alone decides when keys expire.

Of Valkey 8.1, whose 9.1.2 was asked. While it lasts nothing that has expired is deleted by itself or by who
reads, and nothing is evicted. Ordinary clients find no expired key, and delete it when they write to it. A
client that said CLIENT IMPORT-SOURCE ON finds keys and fields as if there were time left, and may so catch up
with a source that was asked to keep them after all. A deadline that has passed when it is given is kept.

In the tables that is a wrapper, which stands around what looks at keys only while the mode lasts.
"""

from __future__ import annotations

from respq.flags import Flag
from respq.protocol import Argv
from respq.state import Client, Handler, Spec

_CHANGES = Flag.WRITE | Flag.MAY_REPLICATE
_LOOKS = _CHANGES | Flag.READONLY


def importing(spec: Spec, handler: Handler) -> Handler:
    """With expired keys as the client is to see them."""
    if not spec.flags & _LOOKS or spec.group == "scripting":  # what a script calls is wrapped itself
        return handler
    kept = not spec.flags & _CHANGES

    def with_expired(c: Client, argv: Argv) -> bytes:
        expiry, asker = c.server.expiry, c.caller
        before = expiry.kept, expiry.shown
        expiry.kept, expiry.shown = kept, asker.import_source
        try:
            return handler(c, argv)
        finally:
            expiry.kept, expiry.shown = before

    return with_expired
