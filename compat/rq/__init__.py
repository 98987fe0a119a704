"""RQ 3, unmodified, on respq and on redis-server 8.2.3: the same jobs, the same outcome.

`pytest compat/rq` starts each server, a worker that forks for every job, a SimpleWorker that does not, both
with the scheduler, and whatever else a test needs (a cron, a worker that is killed), and runs every test on
both servers. The forking worker listens to two queues, which it waits for with BLPOP; the simple one to one,
which it waits for with BLMOVE. Results are streams: XADD MAXLEN, XREVRANGE, and XREAD BLOCK to wait for one.

What a job did is read from the journal that it writes itself (`compat.journal`).
"""
