"""What to send: the syntax of a command from redis-server itself, the values from one module per family."""

from __future__ import annotations

from compat.oracle.grammar.acl import ACL
from compat.oracle.grammar.bitmaps import BITMAPS
from compat.oracle.grammar.connection import CONNECTION
from compat.oracle.grammar.family import Family
from compat.oracle.grammar.functions import FUNCTIONS_FAMILY
from compat.oracle.grammar.generic import GENERIC
from compat.oracle.grammar.geo import GEO
from compat.oracle.grammar.hashes import HASHES
from compat.oracle.grammar.hyperloglogs import HYPERLOGLOGS
from compat.oracle.grammar.lists import LISTS
from compat.oracle.grammar.pubsub import PUBSUB
from compat.oracle.grammar.scripts import SCRIPTING
from compat.oracle.grammar.server import SERVER
from compat.oracle.grammar.sets import SETS
from compat.oracle.grammar.sort import SORT
from compat.oracle.grammar.sorted_sets import SORTED_SETS
from compat.oracle.grammar.stream_groups import STREAM_GROUPS
from compat.oracle.grammar.streams import STREAMS
from compat.oracle.grammar.strings import STRINGS
from compat.oracle.grammar.transactions import TRANSACTIONS

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        LISTS,
        STRINGS,
        BITMAPS,
        HYPERLOGLOGS,
        HASHES,
        SETS,
        SORTED_SETS,
        GEO,
        SORT,
        STREAMS,
        STREAM_GROUPS,
        GENERIC,
        TRANSACTIONS,
        CONNECTION,
        ACL,
        SERVER,
        SCRIPTING,
        FUNCTIONS_FAMILY,
        PUBSUB,
    )
}
