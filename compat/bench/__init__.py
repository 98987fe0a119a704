"""respq beside redis-server 8.2.3 on the same machine: `python -m compat.bench`.

Both servers run at the same time, as shipped (AOF with everysec), and are driven in turn, never
together; each workload meets both within seconds, in an order that changes every round, so that a
machine that slows down slows both. A ratio is the median of the rounds' own ratios, with the
smallest and the largest beside it. Throughput is what the client saw; the server's CPU time per
command comes from the kernel and does not depend on a client that shares the machine.

`--reference-only` runs redis-server against itself: what it prints is the noise.
"""
