"""Event sourcing on a stream, to copy: nothing lost, nothing twice, nothing out of order.

    orders.py      the event, the stream, who appends to it       python -m compat.streams.orders
    consumer.py    one of several workers of a consumer group     python -m compat.streams.consumer
    transfer.py    from one stream into another, exactly once     python -m compat.streams.transfer
    retention.py   drop what every group is through with          python -m compat.streams.retention

The modules need redis-py and nothing else. `pytest compat/streams` runs them as processes on respq and on
redis-server 8.2.3: three producers, the groups billing and analytics with three consumers each, one of them
killed with SIGKILL and its entries claimed by the others, a third group that is created later and replays
from the beginning, retention while orders come in, a transfer whose worker is killed, another whose worker
only stood still and comes back, and a server that dies in the middle of it all.

What each did is read from what it printed, a file that no server knows of.
"""
