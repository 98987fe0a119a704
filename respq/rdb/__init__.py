"""Redis's dump format: values and whole data sets as bytes, and back.

    cursor     reading: integers, lengths, strings; nothing is believed that is not there
    lzf        the compression of strings
    packed     listpack, ziplist, zipmap and intset: small collections as one string
    decoding   a value from its bytes, whichever server wrote them
    encoding   a value as redis-server 8.2 writes it
    stream_format  the same for streams
    payload    what DUMP answers and RESTORE takes
    file       a data set: what stands around the values

Nothing here opens a file.
"""
