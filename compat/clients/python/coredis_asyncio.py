"""The scenario of ../scenario.py with coredis: `python coredis_asyncio.py PORT`."""

import asyncio
import sys
from collections.abc import Iterable

import coredis
from coredis import PureToken
from coredis.exceptions import NoScriptError, WatchError, WrongTypeError
from coredis.patterns.cache import LRUCache
from coredis.response.types import StreamEntry
from transcript import LIBRARY, SCRIPT, entries, say

PORT = int(sys.argv[1])


def items(found: Iterable[StreamEntry]) -> list[str]:
    return entries((entry.identifier, entry.field_values) for entry in found)


async def strings(r: coredis.Redis[str]) -> None:
    say("set", "OK" if await r.set("greeting", "grüße") else "?")
    say("mget", *await r.mget(["greeting", "nothing"]))
    say("set again", await r.set("greeting", "again", condition=PureToken.NX) or None)
    say("counted", await r.incrby("visits", 42))
    await r.set("bytes", b"\x00\xff\r\n")
    with r.decoding(False) as raw:  # bytes as they are
        say("bytes", (await raw.get("bytes")).hex())


async def lists(r: coredis.Redis[str]) -> None:
    say("pushed", await r.rpush("jobs", ["a", "b", "c"]))
    say("moved", await r.lmove("jobs", "active", PureToken.LEFT, PureToken.RIGHT))
    say("popped", *await r.blpop(["empty", "jobs"], timeout=1))
    say("left", *await r.lrange("jobs", 0, -1))
    say("nothing", await r.brpop(["empty"], timeout=0.01))
    say("waited", *await r.blpop(["later"], timeout=0))


async def pubsub(r: coredis.Redis[str]) -> None:
    async with r.pubsub(channels=["news"], ignore_subscribe_messages=True) as listener:
        message = await anext(listener)
        say("message", message["channel"], message["data"])
    async with r.pubsub(patterns=["n*"], ignore_subscribe_messages=True) as listener:
        message = await anext(listener)
        say("by pattern", message["pattern"], message["channel"], message["data"])


async def streams(r: coredis.Redis[str]) -> None:
    added = [
        await r.xadd("orders", {"item": item}, identifier=entry_id)
        for entry_id, item in (("1-1", "tea"), ("1-2", "milk"))
    ]
    say("added", *added)
    await r.xgroup_create("orders", "shop", identifier="0")
    delivered = await r.xreadgroup("shop", "alice", {"orders": ">"}, count=10)
    say("delivered", *items(delivered["orders"]))
    say("acknowledged", await r.xack("orders", "shop", ["1-1"]))
    pending = await r.xpending("orders", "shop")
    say("pending", pending.pending, pending.minimum_identifier, pending.maximum_identifier)
    claimed = await r.xautoclaim("orders", "shop", "bob", min_idle_time=0, start="0")
    say("claimed", *items(claimed[1]))
    delivered = await r.xreadgroup("shop", "alice", {"orders": ">"}, block=0)
    say("waited", *items(delivered["orders"]))


async def transactions(r: coredis.Redis[str]) -> None:
    async with r.pipeline(transaction=True) as transaction:
        done = transaction.set("stock", 1)
        counts = [transaction.incr("stock"), transaction.incrby("stock", 5)]
    say("exec", "OK" if await done else "?", *[await count for count in counts])
    try:
        async with r.pipeline() as transaction, transaction.watch("stock"):
            await r.incr("stock")  # by somebody else
            transaction.set("stock", 0)
    except WatchError:
        say("watched", None)
    try:
        await r.lpush("stock", ["x"])
    except WrongTypeError as error:
        say("error", "WRONGTYPE", error)


async def scripts(r: coredis.Redis[str]) -> None:
    say("eval", *await r.eval(SCRIPT, ["stock"], [2]))
    say("evalsha", *await r.evalsha(await r.script_load(SCRIPT), ["stock"], [3]))
    try:
        await r.evalsha("f" * 40)
    except NoScriptError:
        say("unknown", "NOSCRIPT")
    await r.function_load(LIBRARY)
    say("function", await r.fcall("sell", ["stock"], [4]))


async def resp3(r: coredis.Redis[str]) -> None:
    say("protocol", (await r.client_info())["resp"])
    await r.hset("cart", {"item": "tea", "price": "2.5"})
    say("hash", *(f"{field}={value}" for field, value in sorted((await r.hgetall("cart")).items())))
    await r.zadd("prices", {"tea": 2.5})
    say("score", await r.zscore("prices", "tea"))


async def cache(other: coredis.Redis[str]) -> None:
    async with coredis.Redis(port=PORT, decode_responses=True, cache=LRUCache()) as r:
        await r.hget("cart", "item")
        say("cached", await r.hget("cart", "item"))
        await other.hset("cart", {"item": "milk"})
        while (item := await r.hget("cart", "item")) == "tea":  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.01)
        say("changed", item)


async def main() -> None:
    async with coredis.Redis(port=PORT, decode_responses=True) as client:
        for chapter in (strings, lists, pubsub, streams, transactions, scripts, resp3, cache):
            await chapter(client)


asyncio.run(main())
