"""What can be stored: one module per type, and the structures that the types are made of.

    strings
    lists        on `quicklist`, `nodes` and `chunks`
    hashes       large ones on `shards`
    sets         large ones on `shards`
    sorted_sets  on `ranking`; scanned by `shards`
    streams      on `entry_log`, `entry_ids`, `stream_nodes`, `consumer_groups` and `idempotency`

All of them are `Value`s (`value`). They take and return plain Python, know no clock and do no I/O.
"""
