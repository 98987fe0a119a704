// A worker: node worker.js PORT. It prints `ready`, `hanging` when it is at a job that does not end, and `stalled`
// when it has found a job whose worker has gone.
import { setTimeout } from "node:timers/promises";
import { Worker } from "bullmq";

const handlers = {
  plain: (job) => job.data.n,
  "fails once": (job) => {
    if (job.attemptsMade === 0) throw new Error("once");
    return job.attemptsMade;
  },
  fails: () => {
    throw new Error("always");
  },
  reports: async (job) => {
    await job.log("half of it is done");
    await job.updateProgress(50);
    return "reported";
  },
  sums: async (job) => Object.values(await job.getChildrenValues()).reduce((sum, n) => sum + n, 0),
  hangs: async (job) => {
    if (job.attemptsStarted === 1) {
      console.log("hanging");
      await setTimeout(600_000);
    }
    return "done by another";
  },
};

const connection = { port: Number(process.argv[2]), maxRetriesPerRequest: null };
const worker = new Worker("jobs", async (job) => handlers[job.name](job), {
  connection,
  stalledInterval: 300,
});
worker.on("error", (error) => console.log("error", error.message));
worker.on("stalled", () => console.log("stalled"));
process.on("SIGTERM", () => worker.close().then(() => process.exit(0)));
await worker.waitUntilReady();
console.log("ready");
