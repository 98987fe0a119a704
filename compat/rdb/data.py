"""Keys of every type and encoding, and libraries, as commands; and how two servers are compared."""

from __future__ import annotations

from collections.abc import Iterator

import redis

Command = list[bytes | str | int | float]
FAR_MS = 4_000_000_000_000


def commands(*, since_7_4: bool) -> Iterator[Command]:
    """What fills a database. Names that begin with t are kept in hash tables: in any order."""
    for number in (0, 5, -129, 70_000, 1 << 31, -(1 << 62)):
        yield ["SET", f"integer{number}", number]
    yield from (["SET", "empty", ""], ["SET", "text", "hello"], ["SET", "long", b"\r\n\0\xff" * 5000])
    yield ["SET", "float", "1"]
    yield ["INCRBYFLOAT", "float", "0.5"]
    yield ["RPUSH", "list", "a", 1, 300, -5, 1 << 20, 1 << 40, -(1 << 62), "", "01", "x" * 70, "y" * 5000]
    yield ["RPUSH", "quicklist", *[f"element {n}" for n in range(5000)]]
    yield ["RPUSH", "list:long", "p" * 9000, "q", "r" * 70_000]
    yield ["SADD", "intset", 3, 1, 2]
    yield ["SADD", "intset32", 3, 1, 70_000]
    yield ["SADD", "intset64", 3, -1, 1 << 40]
    yield ["SADD", "set", "a", "b", 5]
    yield ["SADD", "tset", *[f"m{n}" for n in range(300)]]
    scores = [
        1,
        2.5,
        0.1,
        1e21,
        -3,
        1e300,
        "inf",
        "-inf",
        3e15,
        12345678901234567890.0,
        1e17,
        9e18,
        1 / 3,
        5e-324,
    ]
    yield ["ZADD", "zset", *[word for n, score in enumerate(scores) for word in (score, f"m{n}")]]
    yield ["ZADD", "zset:long", *[word for n in range(300) for word in (n / 7, f"m{n}")]]
    yield ["HSET", "hash", "a", 1, "b", "x"]
    yield ["HSET", "thash", *[f"f{n}" for n in range(3000)]]
    if since_7_4:
        for name, size in (("hash:ttl", 1), ("thash:ttl", 100)):
            yield ["HSET", name, "a", "v" * size, "b", 1, "c", 2]
            yield ["HPEXPIREAT", name, FAR_MS, "FIELDS", 1, "b"]
            yield ["HPEXPIREAT", name, FAR_MS - 100_000, "FIELDS", 1, "a"]
    yield from stream_commands()


def stream_commands() -> Iterator[Command]:
    """A stream with deletions and two groups; one of IDs that are far apart, and one that was emptied."""
    for n in range(1, 1001):
        yield [
            "XADD",
            "stream",
            f"{n // 3 + 1}-{n}",
            *(["a", n, "b", "v" * (n % 50)] if n % 9 else ["c", "\r\n"]),
        ]
    yield ["XDEL", "stream", "10-29", "334-1000"]
    yield ["XGROUP", "CREATE", "stream", "g1", "0"]
    yield ["XGROUP", "CREATE", "stream", "g2", "50-0"]
    for consumer in ("c", "b", "c"):
        yield ["XREADGROUP", "GROUP", "g1", consumer, "COUNT", 40, "STREAMS", "stream", ">"]
    yield ["XACK", "stream", "g1", "1-1", "2-4"]
    yield ["XGROUP", "CREATECONSUMER", "stream", "g2", "idle"]
    for entry_id in ("1-0", f"1-{(1 << 64) - 3}", f"{(1 << 64) - 2}-3"):
        yield ["XADD", "stream:far", entry_id, "a", "b"]
    yield ["XADD", "stream:empty", "5-1", "a", "b"]
    yield ["XDEL", "stream:empty", "5-1"]


LIBRARIES = [
    b"#!lua name=short\nredis.register_function('one', function() return 1 end)",
    b"#!lua name=long\nredis.register_function{function_name='two', callback=function(keys) "
    b"return redis.call('type', keys[1]) end, flags={'no-writes'}, description='%b'}" % (b"type " * 50),
]
IN_NO_DATABASE = -1


def fill(client: redis.Redis, *, since_7_4: bool) -> None:
    """Three databases, some keys of which expire; two libraries."""
    for library in LIBRARIES:
        client.function_load(library)
    for db in (0, 3, 9):
        client.execute_command("SELECT", db)
        for command in commands(since_7_4=since_7_4):
            client.execute_command(*command)
        client.pexpireat("text", FAR_MS)
        client.pexpireat("list", FAR_MS + 1)
    client.execute_command("SELECT", 0)


def contents(client: redis.Redis) -> dict[tuple[int, bytes], object]:
    """All that can be asked about every key."""
    found: dict[tuple[int, bytes], object] = {}
    for db in range(16):
        client.execute_command("SELECT", db)
        for key in sorted(client.keys()):
            kind = client.type(key)
            found[db, key] = (
                kind,
                client.pexpiretime(key),
                client.object("encoding", key),
                _content(client, kind, key),
            )
    client.execute_command("SELECT", 0)
    for library in client.execute_command("FUNCTION", "LIST", "WITHCODE"):
        found[IN_NO_DATABASE, library[b"library_name"]] = library
    return found


def _content(client: redis.Redis, kind: bytes, key: bytes) -> object:
    if kind == b"string":
        return client.get(key)
    if kind == b"list":
        return client.lrange(key, 0, -1)
    if kind == b"set":
        return client.smembers(key) if key.startswith(b"t") else client.execute_command("SMEMBERS", key)
    if kind == b"zset":
        return client.zrange(key, 0, -1, withscores=True)
    if kind == b"hash":
        content = client.hgetall(key)
        deadlines = (
            client.execute_command("HPEXPIRETIME", key, "FIELDS", len(content), *content)
            if b"ttl" in key
            else 0
        )
        return content, dict(zip(content, deadlines, strict=True)) if deadlines else deadlines
    full = client.execute_command("XINFO", "STREAM", key, "FULL", "COUNT", 0)
    return _without_tree(full)


def _without_tree(reply: object) -> object:
    """What XINFO STREAM FULL says, but for the shape of the tree, which a load may make anew."""
    assert isinstance(reply, dict)
    return {name: part for name, part in reply.items() if not name.startswith(b"radix-tree")}
