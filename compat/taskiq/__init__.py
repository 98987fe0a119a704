"""taskiq with taskiq-redis, unmodified, on respq and on redis-server 8.2.3: its brokers, one test for all.

`pytest compat/taskiq` starts each server, a worker of two processes for every broker (stream: a consumer
group with XREADGROUP, XACK and XAUTOCLAIM under a lock; list: LPUSH and BRPOP; pub/sub: to all workers), the
scheduler, workers that are killed and servers that are restarted, and runs every test on both servers.

What a task did is read from the journal that it writes itself (`compat.journal`).
"""
