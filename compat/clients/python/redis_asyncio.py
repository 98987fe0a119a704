"""The scenario of ../scenario.py with redis-py's asyncio client: `python redis_asyncio.py PORT`."""

import asyncio
import sys

import redis.asyncio as redis
from redis.exceptions import NoScriptError
from transcript import LIBRARY, SCRIPT, entries, say

PORT = int(sys.argv[1])


async def strings(r: redis.Redis) -> None:
    say("set", "OK" if await r.set("greeting", "grüße") else "?")
    say("mget", *await r.mget("greeting", "nothing"))
    say("set again", await r.set("greeting", "again", nx=True))
    say("counted", await r.incrby("visits", 42))
    async with redis.Redis(port=PORT) as raw:  # bytes as they are
        await raw.set("bytes", b"\x00\xff\r\n")
        say("bytes", (await raw.get("bytes")).hex())


async def lists(r: redis.Redis) -> None:
    say("pushed", await r.rpush("jobs", "a", "b", "c"))
    say("moved", await r.lmove("jobs", "active", "LEFT", "RIGHT"))
    say("popped", *await r.blpop(["empty", "jobs"], timeout=1))
    say("left", *await r.lrange("jobs", 0, -1))
    say("nothing", await r.brpop("empty", timeout=0.01))
    say("waited", *await r.blpop("later"))


async def pubsub(r: redis.Redis) -> None:
    async with r.pubsub(ignore_subscribe_messages=True) as listener:
        await listener.subscribe("news")
        message = await anext(listener.listen())
        say("message", message["channel"], message["data"])
    async with r.pubsub(ignore_subscribe_messages=True) as listener:
        await listener.psubscribe("n*")
        message = await anext(listener.listen())
        say("by pattern", message["pattern"], message["channel"], message["data"])


async def streams(r: redis.Redis) -> None:
    added = [
        await r.xadd("orders", {"item": "tea"}, id="1-1"),
        await r.xadd("orders", {"item": "milk"}, id="1-2"),
    ]
    say("added", *added)
    await r.xgroup_create("orders", "shop", id="0")
    [[_, delivered]] = await r.xreadgroup("shop", "alice", {"orders": ">"}, count=10)
    say("delivered", *entries(delivered))
    say("acknowledged", await r.xack("orders", "shop", "1-1"))
    pending = await r.xpending("orders", "shop")
    say("pending", pending["pending"], pending["min"], pending["max"])
    say("claimed", *entries((await r.xautoclaim("orders", "shop", "bob", min_idle_time=0))[1]))
    [[_, delivered]] = await r.xreadgroup("shop", "alice", {"orders": ">"}, block=0)
    say("waited", *entries(delivered))


async def transactions(r: redis.Redis) -> None:
    async with r.pipeline() as transaction:
        done, *counts = await transaction.set("stock", 1).incr("stock").incrby("stock", 5).execute()
        say("exec", "OK" if done else "?", *counts)
    async with r.pipeline() as transaction:
        await transaction.watch("stock")
        await r.incr("stock")  # by somebody else
        transaction.multi()
        try:
            await transaction.set("stock", 0).execute()
        except redis.WatchError:
            say("watched", None)
    try:
        await r.lpush("stock", "x")
    except redis.ResponseError as error:
        say("error", error)


async def scripts(r: redis.Redis) -> None:
    say("eval", *await r.eval(SCRIPT, 1, "stock", 2))
    say("evalsha", *await r.evalsha(await r.script_load(SCRIPT), 1, "stock", 3))
    try:
        await r.evalsha("f" * 40, 0)
    except NoScriptError:
        say("unknown", "NOSCRIPT")
    await r.function_load(LIBRARY)
    say("function", await r.fcall("sell", 1, "stock", 4))


async def resp3() -> None:
    async with redis.Redis(port=PORT, protocol=3, decode_responses=True) as r:
        say("protocol", (await r.client_info())["resp"])
        await r.hset("cart", mapping={"item": "tea", "price": "2.5"})
        say("hash", *(f"{field}={value}" for field, value in sorted((await r.hgetall("cart")).items())))
        await r.zadd("prices", {"tea": 2.5})
        say("score", await r.zscore("prices", "tea"))


async def main() -> None:
    async with redis.Redis(port=PORT, protocol=2, decode_responses=True) as client:
        for chapter in (strings, lists, pubsub, streams, transactions, scripts):
            await chapter(client)
    await resp3()


asyncio.run(main())
