// The scenario of ../scenario.py with node-redis: node node-redis.js PORT
import { setTimeout } from "node:timers/promises";
import { RESP_TYPES, WatchError, createClient } from "redis";
import { LIBRARY, PORT, SCRIPT, pairs, say } from "./transcript.js";

const connect = (options) => createClient({ socket: { port: PORT }, ...options }).connect();
const entries = (found) => found.map(({ id, message }) => `${id} item=${message.item}`);

async function strings(client) {
  say("set", await client.set("greeting", "grüße"));
  say("mget", ...(await client.mGet(["greeting", "nothing"])));
  say("set again", await client.set("greeting", "again", { condition: "NX" }));
  say("counted", await client.incrBy("visits", 42));
  await client.set("bytes", Buffer.from("00ff0d0a", "hex"));
  const raw = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  say("bytes", (await raw.get("bytes")).toString("hex"));
}

async function lists(client) {
  say("pushed", await client.rPush("jobs", ["a", "b", "c"]));
  say("moved", await client.lMove("jobs", "active", "LEFT", "RIGHT"));
  const popped = await client.blPop(["empty", "jobs"], 1);
  say("popped", popped.key, popped.element);
  say("left", ...(await client.lRange("jobs", 0, -1)));
  say("nothing", await client.brPop("empty", 0.01));
  const waited = await client.blPop("later", 0);
  say("waited", waited.key, waited.element);
}

async function pubsub(client) {
  const listener = await client.duplicate().connect();
  await new Promise((resolve) => {
    listener.subscribe("news", (message, channel) => resolve(say("message", channel, message)));
  });
  await listener.unsubscribe();
  await new Promise((resolve) => {
    listener.pSubscribe("n*", (message, channel) => resolve(say("by pattern", "n*", channel, message)));
  });
  await listener.close();
}

async function streams(client) {
  const added = ["1-1", "1-2"].map((id, i) => client.xAdd("orders", id, { item: ["tea", "milk"][i] }));
  say("added", ...(await Promise.all(added)));
  await client.xGroupCreate("orders", "shop", "0");
  const orders = { key: "orders", id: ">" };
  let [{ messages }] = await client.xReadGroup("shop", "alice", orders, { COUNT: 10 });
  say("delivered", ...entries(messages));
  say("acknowledged", await client.xAck("orders", "shop", "1-1"));
  const { pending, firstId, lastId } = await client.xPending("orders", "shop");
  say("pending", pending, firstId, lastId);
  say("claimed", ...entries((await client.xAutoClaim("orders", "shop", "bob", 0, "0")).messages));
  [{ messages }] = await client.xReadGroup("shop", "alice", orders, { BLOCK: 0 });
  say("waited", ...entries(messages));
}

async function transactions(client) {
  say("exec", ...(await client.multi().set("stock", 1).incr("stock").incrBy("stock", 5).exec()));
  await client.watch("stock");
  const other = await client.duplicate().connect();
  await other.incr("stock");
  await other.close();
  try {
    await client.multi().set("stock", 0).exec();
  } catch (error) {
    if (error instanceof WatchError) say("watched", null);
  }
  await client.lPush("stock", "x").catch((error) => say("error", error.message));
}

async function scripts(client) {
  const sold = (count) => ({ keys: ["stock"], arguments: [String(count)] });
  say("eval", ...(await client.eval(SCRIPT, sold(2))));
  say("evalsha", ...(await client.evalSha(await client.scriptLoad(SCRIPT), sold(3))));
  await client.evalSha("f".repeat(40)).catch((error) => say("unknown", error.message.split(" ")[0]));
  await client.functionLoad(LIBRARY);
  say("function", await client.fCall("sell", sold(4)));
}

async function resp3() {
  const client = await connect({ RESP: 3 });
  say("protocol", (await client.clientInfo()).resp);
  await client.hSet("cart", { item: "tea", price: "2.5" });
  say("hash", ...pairs(await client.hGetAll("cart")));
  await client.zAdd("prices", { score: 2.5, value: "tea" });
  say("score", await client.zScore("prices", "tea"));
  await client.close();
}

async function cache(other) {
  const client = await connect({ RESP: 3, clientSideCache: { ttl: 0, maxEntries: 0 } });
  await client.hGet("cart", "item");
  say("cached", await client.hGet("cart", "item"));
  await other.hSet("cart", "item", "milk");
  let item;
  while ((item = await client.hGet("cart", "item")) === "tea") await setTimeout(10);
  say("changed", item);
  await client.close();
}

const client = await connect({ RESP: 2 });
for (const chapter of [strings, lists, pubsub, streams, transactions, scripts, resp3, cache]) {
  await chapter(client);
}
await client.close();
