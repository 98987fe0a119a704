"""The scenario of ../scenario.py with redis-py, or with valkey-py, which is the same under another name.

`python redis_py.py redis|valkey PORT`
"""

import importlib
import sys
from typing import Any

from transcript import LIBRARY, SCRIPT, entries, say

redis = importlib.import_module(sys.argv[1])  # as a rule: import redis
PORT = int(sys.argv[2])


def strings(r: Any) -> None:
    say("set", "OK" if r.set("greeting", "grüße") else "?")
    say("mget", *r.mget("greeting", "nothing"))
    say("set again", r.set("greeting", "again", nx=True))
    say("counted", r.incrby("visits", 42))
    with redis.Redis(port=PORT) as raw:  # bytes as they are
        raw.set("bytes", b"\x00\xff\r\n")
        say("bytes", raw.get("bytes").hex())


def lists(r: Any) -> None:
    say("pushed", r.rpush("jobs", "a", "b", "c"))
    say("moved", r.lmove("jobs", "active", "LEFT", "RIGHT"))
    say("popped", *r.blpop(["empty", "jobs"], timeout=1))
    say("left", *r.lrange("jobs", 0, -1))
    say("nothing", r.brpop("empty", timeout=0.01))
    say("waited", *r.blpop("later"))


def pubsub(r: Any) -> None:
    with r.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe("news")
        message = next(listener.listen())
        say("message", message["channel"], message["data"])
    with r.pubsub(ignore_subscribe_messages=True) as listener:
        listener.psubscribe("n*")
        message = next(listener.listen())
        say("by pattern", message["pattern"], message["channel"], message["data"])


def streams(r: Any) -> None:
    say("added", r.xadd("orders", {"item": "tea"}, id="1-1"), r.xadd("orders", {"item": "milk"}, id="1-2"))
    r.xgroup_create("orders", "shop", id="0")
    [[_, delivered]] = r.xreadgroup("shop", "alice", {"orders": ">"}, count=10)
    say("delivered", *entries(delivered))
    say("acknowledged", r.xack("orders", "shop", "1-1"))
    pending = r.xpending("orders", "shop")
    say("pending", pending["pending"], pending["min"], pending["max"])
    say("claimed", *entries(r.xautoclaim("orders", "shop", "bob", min_idle_time=0)[1]))
    [[_, delivered]] = r.xreadgroup("shop", "alice", {"orders": ">"}, block=0)
    say("waited", *entries(delivered))


def transactions(r: Any) -> None:
    with r.pipeline() as transaction:
        done, *counts = transaction.set("stock", 1).incr("stock").incrby("stock", 5).execute()
        say("exec", "OK" if done else "?", *counts)
    with r.pipeline() as transaction:
        transaction.watch("stock")
        r.incr("stock")  # by somebody else
        transaction.multi()
        try:
            transaction.set("stock", 0).execute()
        except redis.WatchError:
            say("watched", None)
    try:
        r.lpush("stock", "x")
    except redis.ResponseError as error:
        say("error", error)


def scripts(r: Any) -> None:
    say("eval", *r.eval(SCRIPT, 1, "stock", 2))
    say("evalsha", *r.evalsha(r.script_load(SCRIPT), 1, "stock", 3))
    try:
        r.evalsha("f" * 40, 0)
    except redis.exceptions.NoScriptError:
        say("unknown", "NOSCRIPT")
    r.function_load(LIBRARY)
    say("function", r.fcall("sell", 1, "stock", 4))


def resp3() -> None:
    with redis.Redis(port=PORT, protocol=3, decode_responses=True) as r:
        say("protocol", r.client_info()["resp"])
        r.hset("cart", mapping={"item": "tea", "price": "2.5"})
        say("hash", *(f"{field}={value}" for field, value in sorted(r.hgetall("cart").items())))
        r.zadd("prices", {"tea": 2.5})
        say("score", r.zscore("prices", "tea"))


with redis.Redis(port=PORT, protocol=2, decode_responses=True) as client:
    for chapter in (strings, lists, pubsub, streams, transactions, scripts):
        chapter(client)
resp3()
