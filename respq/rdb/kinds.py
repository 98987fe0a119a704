"""The bytes before a value that say how it is written."""

from __future__ import annotations

from typing import Final

STRING: Final = 0
LIST: Final = 1
SET: Final = 2
ZSET: Final = 3  # scores as text
HASH: Final = 4
ZSET_2: Final = 5  # scores in binary
MODULE: Final = 6
MODULE_2: Final = 7
HASH_ZIPMAP: Final = 9
LIST_ZIPLIST: Final = 10
SET_INTSET: Final = 11
ZSET_ZIPLIST: Final = 12
HASH_ZIPLIST: Final = 13
LIST_QUICKLIST: Final = 14  # of ziplists
STREAM: Final = 15
HASH_LISTPACK: Final = 16
ZSET_LISTPACK: Final = 17
LIST_QUICKLIST_2: Final = 18  # of listpacks
STREAM_2: Final = 19
SET_LISTPACK: Final = 20
STREAM_3: Final = 21
HASH_METADATA_EARLY: Final = 22  # with deadlines, of a pre-release; Valkey: HASH_2
HASH_LISTPACK_EX_EARLY: Final = 23
HASH_METADATA: Final = 24  # with deadlines
HASH_LISTPACK_EX: Final = 25
VALKEY_HASH: Final = 22  # with deadlines, in files and payloads of Valkey

TYPE_NAMES: Final = {
    **dict.fromkeys((STRING,), "string"),
    **dict.fromkeys((LIST, LIST_ZIPLIST, LIST_QUICKLIST, LIST_QUICKLIST_2), "list"),
    **dict.fromkeys((SET, SET_INTSET, SET_LISTPACK), "set"),
    **dict.fromkeys((ZSET, ZSET_2, ZSET_ZIPLIST, ZSET_LISTPACK), "sorted set"),
    **dict.fromkeys((HASH, HASH_ZIPMAP, HASH_ZIPLIST, HASH_LISTPACK), "hash"),
    **dict.fromkeys((HASH_METADATA_EARLY, HASH_LISTPACK_EX_EARLY, HASH_METADATA, HASH_LISTPACK_EX), "hash"),
    **dict.fromkeys((STREAM, STREAM_2, STREAM_3), "stream"),
    **dict.fromkeys((MODULE, MODULE_2), "value of a module"),
}

PLAIN_NODE: Final = 1  # of a list: one long element
PACKED_NODE: Final = 2
