// An application that puts jobs into a queue and prints what becomes of them: node application.js PORT
import { FlowProducer, Queue, QueueEvents } from "bullmq";

const connection = { port: Number(process.argv[2]) };
const queue = new Queue("jobs", { connection });
// From the beginning: else what happens before its first XREAD is lost, and a job may be waited for in vain.
const events = new QueueEvents("jobs", { connection, lastEventId: "0-0" });

async function outcome(job) {
  try {
    return await job.waitUntilFinished(events);
  } catch (error) {
    return `failed: ${error.message}`;
  }
}

async function show(what, name, data = {}, options = {}) {
  console.log(`${what}:`, await outcome(await queue.add(name, data, options)));
}

await events.waitUntilReady();
await show("plain", "plain", { n: 7 });
await show("retried", "fails once", {}, { attempts: 3, backoff: { type: "exponential", delay: 50 } });
await show("given up", "fails", {}, { attempts: 2 });
await show("delayed", "plain", { n: 8 }, { delay: 200 });

const progress = new Promise((resolve) => events.once("progress", ({ data }) => resolve(data)));
const reporting = await queue.add("reports", {});
console.log("reported:", await outcome(reporting), await progress, ...(await queue.getJobLogs(reporting.id)).logs);

await queue.pause();
const first = { priority: 1 };
const last = { priority: 9 };
const order = [];
const ordered = new Promise((resolve) => {
  const names = ["first", "last"];
  events.on("completed", ({ returnvalue }) => {
    if (names.includes(returnvalue) && order.push(returnvalue) === names.length) resolve();
  });
});
await queue.addBulk([
  { name: "plain", data: { n: "last" }, opts: last },
  { name: "plain", data: { n: "first" }, opts: first },
]);
await queue.resume();
await ordered;
console.log("by priority:", ...order);

const flow = new FlowProducer({ connection });
const children = [1, 2, 3].map((n) => ({ name: "plain", queueName: "jobs", data: { n } }));
const { job: parent } = await flow.add({ name: "sums", queueName: "jobs", children });
console.log("sum of its children:", await outcome(parent));

const deduplication = { id: "once", ttl: 60_000 };
const [one, same] = [
  await queue.add("plain", { n: 1 }, { deduplication }),
  await queue.add("plain", { n: 2 }, { deduplication }),
];
console.log("the same job:", one.id === same.id);
await outcome(one);

const ticks = new Promise((resolve) => {
  let count = 0;
  events.on("completed", ({ returnvalue }) => returnvalue === "tick" && ++count === 3 && resolve(count));
});
await queue.upsertJobScheduler("clock", { every: 50, limit: 3 }, { name: "plain", data: { n: "tick" } });
console.log("repeated:", await ticks);

await show("hangs", "hangs");
const { completed, failed, active, waiting } = await queue.getJobCounts();
console.log("counts:", completed, failed, active, waiting);
console.log("cleaned:", (await queue.clean(0, 1000, "completed")).length);
await queue.obliterate();
await Promise.all([flow.close(), events.close(), queue.close()]);
