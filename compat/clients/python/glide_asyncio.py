"""The scenario of ../scenario.py with Valkey GLIDE: `python glide_asyncio.py PORT`."""

import asyncio
import sys
from collections.abc import Mapping

from glide import (
    Batch,
    ConditionalChange,
    GlideClient,
    GlideClientConfiguration,
    ListDirection,
    NodeAddress,
    ProtocolVersion,
    RequestError,
    StreamAddOptions,
    StreamReadGroupOptions,
)
from transcript import LIBRARY, SCRIPT, entries, say

PORT = int(sys.argv[1])


async def connect(protocol: ProtocolVersion = ProtocolVersion.RESP3) -> GlideClient:
    address = NodeAddress("127.0.0.1", PORT)
    return await GlideClient.create(GlideClientConfiguration([address], protocol=protocol))


def text(values: list[bytes | None]) -> list[str | None]:
    return [None if value is None else value.decode() for value in values]


def items(found: Mapping[bytes, list[list[bytes]]]) -> list[str]:
    pairs = (
        (entry_id.decode(), dict([text(field) for field in fields])) for entry_id, fields in found.items()
    )
    return entries(pairs)


async def strings(client: GlideClient) -> None:
    say("set", await client.set("greeting", "grüße"))
    say("mget", *text(await client.mget(["greeting", "nothing"])))
    say("set again", await client.set("greeting", "again", ConditionalChange.ONLY_IF_DOES_NOT_EXIST))
    say("counted", await client.incrby("visits", 42))
    await client.set("bytes", b"\x00\xff\r\n")
    say("bytes", (await client.get("bytes")).hex())


async def lists(client: GlideClient) -> None:
    say("pushed", await client.rpush("jobs", ["a", "b", "c"]))
    moved = await client.lmove("jobs", "active", ListDirection.LEFT, ListDirection.RIGHT)
    say("moved", *text([moved]))
    say("popped", *text(await client.blpop(["empty", "jobs"], 1)))
    say("left", *text(await client.lrange("jobs", 0, -1)))
    say("nothing", await client.brpop(["empty"], 0.01))
    say("waited", *text(await client.blpop(["later"], 0)))


async def pubsub(client: GlideClient) -> None:
    await client.subscribe({"news"})
    message = await client.get_pubsub_message()
    say("message", *text([message.channel, message.message]))
    await client.unsubscribe({"news"})
    await client.psubscribe({"n*"})
    message = await client.get_pubsub_message()
    say("by pattern", *text([message.pattern, message.channel, message.message]))
    await client.punsubscribe({"n*"})


async def streams(client: GlideClient) -> None:
    added = [
        await client.xadd("orders", [("item", "tea")], StreamAddOptions(id="1-1")),
        await client.xadd("orders", [("item", "milk")], StreamAddOptions(id="1-2")),
    ]
    say("added", *text(added))
    await client.xgroup_create("orders", "shop", "0")
    delivered = await client.xreadgroup({"orders": ">"}, "shop", "alice")
    say("delivered", *items(delivered[b"orders"]))
    say("acknowledged", await client.xack("orders", "shop", ["1-1"]))
    count, first, last, _ = await client.xpending("orders", "shop")
    say("pending", count, *text([first, last]))
    claimed = await client.xautoclaim("orders", "shop", "bob", 0, "0")
    say("claimed", *items(claimed[1]))
    delivered = await client.xreadgroup({"orders": ">"}, "shop", "alice", StreamReadGroupOptions(block_ms=0))
    say("waited", *items(delivered[b"orders"]))


async def transactions(client: GlideClient) -> None:
    transaction = Batch(is_atomic=True).set("stock", "1").incr("stock").incrby("stock", 5)
    say("exec", *await client.exec(transaction, raise_on_error=True))
    await client.watch(["stock"])
    other = await connect()
    await other.incr("stock")
    await other.close()
    say("watched", await client.exec(Batch(is_atomic=True).set("stock", "0"), raise_on_error=True))
    try:
        await client.lpush("stock", ["x"])
    except RequestError as error:
        say("error", str(error).replace("WRONGTYPE:", "WRONGTYPE"))


async def scripts(client: GlideClient) -> None:
    key, stock = await client.custom_command(["EVAL", SCRIPT, "1", "stock", "2"])
    say("eval", key.decode(), stock)
    sha = await client.custom_command(["SCRIPT", "LOAD", SCRIPT])
    key, stock = await client.custom_command(["EVALSHA", sha, "1", "stock", "3"])
    say("evalsha", key.decode(), stock)
    try:
        await client.custom_command(["EVALSHA", "f" * 40, "0"])
    except RequestError as error:
        say("unknown", "NOSCRIPT" if "NoScriptError" in str(error) else error)
    await client.function_load(LIBRARY)
    say("function", await client.fcall("sell", ["stock"], ["4"]))


async def resp3(client: GlideClient) -> None:
    info = (await client.custom_command(["CLIENT", "INFO"])).decode()
    say("protocol", dict(field.split("=", 1) for field in info.split())["resp"])
    await client.hset("cart", {"item": "tea", "price": "2.5"})
    cart = await client.hgetall("cart")
    say("hash", *(f"{field.decode()}={value.decode()}" for field, value in sorted(cart.items())))
    await client.zadd("prices", {"tea": 2.5})
    say("score", await client.zscore("prices", "tea"))


async def main() -> None:
    client = await connect()
    for chapter in (strings, lists, pubsub, streams, transactions, scripts, resp3):
        await chapter(client)
    await client.close()


asyncio.run(main())
