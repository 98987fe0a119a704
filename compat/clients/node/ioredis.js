// The scenario of ../scenario.py with ioredis: node ioredis.js PORT
import { once } from "node:events";
import Redis from "ioredis";
import { LIBRARY, PORT, SCRIPT, pairs, say } from "./transcript.js";

const entries = (found) => found.map(([id, [, item]]) => `${id} item=${item}`);

async function strings(redis) {
  say("set", await redis.set("greeting", "grüße"));
  say("mget", ...(await redis.mget("greeting", "nothing")));
  say("set again", await redis.set("greeting", "again", "NX"));
  say("counted", await redis.incrby("visits", 42));
  await redis.set("bytes", Buffer.from("00ff0d0a", "hex"));
  say("bytes", (await redis.getBuffer("bytes")).toString("hex"));
}

async function lists(redis) {
  say("pushed", await redis.rpush("jobs", "a", "b", "c"));
  say("moved", await redis.lmove("jobs", "active", "LEFT", "RIGHT"));
  say("popped", ...(await redis.blpop("empty", "jobs", 1)));
  say("left", ...(await redis.lrange("jobs", 0, -1)));
  say("nothing", await redis.brpop("empty", 0.01));
  say("waited", ...(await redis.blpop("later", 0)));
}

async function pubsub(redis) {
  const listener = redis.duplicate();
  const message = once(listener, "message");
  await listener.subscribe("news");
  say("message", ...(await message));
  await listener.unsubscribe("news");
  const matched = once(listener, "pmessage");
  await listener.psubscribe("n*");
  say("by pattern", ...(await matched));
  listener.disconnect();
}

async function streams(redis) {
  const added = ["1-1", "1-2"].map((id, i) => redis.xadd("orders", id, "item", ["tea", "milk"][i]));
  say("added", ...(await Promise.all(added)));
  await redis.xgroup("CREATE", "orders", "shop", "0");
  const group = ["GROUP", "shop", "alice"];
  let [[, delivered]] = await redis.xreadgroup(...group, "COUNT", 10, "STREAMS", "orders", ">");
  say("delivered", ...entries(delivered));
  say("acknowledged", await redis.xack("orders", "shop", "1-1"));
  const [count, first, last] = await redis.xpending("orders", "shop");
  say("pending", count, first, last);
  const [, claimed] = await redis.xautoclaim("orders", "shop", "bob", 0, "0");
  say("claimed", ...entries(claimed));
  [[, delivered]] = await redis.xreadgroup(...group, "BLOCK", 0, "STREAMS", "orders", ">");
  say("waited", ...entries(delivered));
}

async function transactions(redis) {
  const results = await redis.multi().set("stock", 1).incr("stock").incrby("stock", 5).exec();
  say("exec", ...results.map(([, value]) => value));
  const other = redis.duplicate();
  await redis.watch("stock");
  await other.incr("stock");
  other.disconnect();
  say("watched", await redis.multi().set("stock", 0).exec());
  await redis.lpush("stock", "x").catch((error) => say("error", error.message));
}

async function scripts(redis) {
  say("eval", ...(await redis.eval(SCRIPT, 1, "stock", 2)));
  say("evalsha", ...(await redis.evalsha(await redis.script("LOAD", SCRIPT), 1, "stock", 3)));
  await redis.evalsha("f".repeat(40), 0).catch((error) => say("unknown", error.message.split(" ")[0]));
  await redis.function("LOAD", LIBRARY);
  say("function", await redis.fcall("sell", 1, "stock", 4));
}

async function resp3() {
  const redis = new Redis({ port: PORT, protocol: 3, replyMapping: "resp3" });
  say("protocol", (await redis.client("INFO")).match(/resp=(\d)/)[1]);
  await redis.hset("cart", { item: "tea", price: "2.5" });
  say("hash", ...pairs(await redis.hgetall("cart")));
  await redis.zadd("prices", 2.5, "tea");
  say("score", await redis.zscore("prices", "tea"));
  redis.disconnect();
}

const redis = new Redis({ port: PORT, protocol: 2 });
for (const chapter of [strings, lists, pubsub, streams, transactions, scripts, resp3]) {
  await chapter(redis);
}
redis.disconnect();
