"""Geo: ten commands on sorted sets of places."""

from __future__ import annotations

from compat.oracle.grammar.family import ARITY, NOT_FLOAT, NOT_INTEGER, SYNTAX, WRONGTYPE, Family, Rule

KEYS = [b"g1"] * 8 + [b"g2"] * 3 + [b"z1", b"gone", b"l1"]
MEMBERS = [b"palermo", b"catania", b"rome", b"sydney", b"quito", b"pole", b"date", b"a", b"b", b"gone"]
LONGITUDES = [b"13.361389", b"15", b"12.4", b"151.2", b"-78.5", b"179.99", b"-179.99", b"0", b"180"] * 4 + [
    *[b"181", b"x", b"-180.0001", b"inf"],
]
LATITUDES = [
    b"38.115556",
    b"37.5",
    b"41.9",
    b"-33.8",
    b"-0.2",
    b"84.9",
    b"-84.9",
    b"0",
    b"67",
    b"1e-9",
] * 4 + [
    *[b"86", b"x", b"-85.05112879", b"nan"],
]
LENGTHS = [b"200", b"1000", b"5000", b"0.5", b"1", b"0", b"20000", b"100000000"] * 3 + [b"-1", b"x"]
COORDINATES = "ERR invalid longitude,latitude pair"
UNIT = "ERR unsupported unit provided. please use M, KM, FT, MI"
MEMBER = "ERR could not decode requested zset member"
COUNT = "ERR COUNT must be > 0"
ANY = "ERR the ANY argument requires COUNT argument"
OF_RADIUS = (
    *(ARITY, WRONGTYPE, SYNTAX, NOT_INTEGER, UNIT, COUNT),
    *("ERR need numeric radius", "ERR radius cannot be negative"),
)
OF_SEARCH = (
    *OF_RADIUS,
    NOT_FLOAT,
    COORDINATES,
    MEMBER,
    "ERR height or width cannot be negative",
    "ERR need numeric width",
    "ERR need numeric height",
)
STORE = "ERR STORE option in GEORADIUS is not compatible with WITHDIST"
TWO_FROM = b"GEOSEARCH g1 FROMMEMBER rome FROMMEMBER rome BYRADIUS 1 km".split()
TWO_BY = b"GEOSEARCH g1 FROMMEMBER rome BYRADIUS 1 km BYBOX 1 1 km".split()
NO_FROM = b"GEOSEARCH g1 BYRADIUS 1 km ASC COUNT 2".split()
NO_BY = b"GEOSEARCH g1 FROMMEMBER rome ASC COUNT 2".split()
ANY_ALONE = b"GEOSEARCH g1 FROMMEMBER rome BYRADIUS 1 km ANY".split()

GEO = Family(
    "geo",
    {
        "GEOADD": Rule(4, errors=(ARITY, WRONGTYPE, SYNTAX, NOT_FLOAT, COORDINATES)),
        "GEODIST": Rule(1.5, errors=(ARITY, WRONGTYPE, SYNTAX, UNIT), option=0.5),
        "GEOHASH": Rule(1, errors=(ARITY, WRONGTYPE)),
        "GEOPOS": Rule(1.5, errors=(ARITY, WRONGTYPE)),
        "GEORADIUS": Rule(3, errors=(*OF_RADIUS, NOT_FLOAT, COORDINATES, STORE)),
        "GEORADIUS_RO": Rule(2, errors=(*OF_RADIUS, NOT_FLOAT, COORDINATES)),
        "GEORADIUSBYMEMBER": Rule(2, errors=(*OF_RADIUS, MEMBER, STORE)),
        "GEORADIUSBYMEMBER_RO": Rule(2, errors=(*OF_RADIUS, MEMBER)),
        "GEOSEARCH": Rule(
            6,
            errors=(
                *OF_SEARCH,
                ANY,
                "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH",
                "ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH",
            ),
            extra=[TWO_FROM, TWO_BY, NO_FROM, NO_BY, ANY_ALONE, [b"GEOSEARCH", b"g1"]],
        ),
        "GEOSEARCHSTORE": Rule(
            3,
            errors=(*OF_SEARCH, "ERR GEOSEARCHSTORE is not compatible with WITHDIST"),
            extra=[b"GEOSEARCHSTORE g2 g1 FROMMEMBER rome BYRADIUS 900 km WITHDIST".split()],
        ),
    },
    values={
        "key": KEYS,
        "storekey": KEYS,
        "storedistkey": KEYS,
        "destination": KEYS,
        "source": KEYS,
        "member": MEMBERS,
        "member1": MEMBERS,
        "member2": MEMBERS,
        "longitude": LONGITUDES,
        "latitude": LATITUDES,
        "radius": LENGTHS,
        "width": LENGTHS,
        "height": LENGTHS,
        "count": [b"1", b"2", b"3", b"100"] * 4 + [b"0", b"-1", b"x"],
    },
    setups=[
        b"GEOADD g1 13.361389 38.115556 palermo 15.087269 37.502669 catania 12.4964 41.9028 rome".split(),
        b"GEOADD g1 151.2093 -33.8688 sydney -78.4678 -0.1807 quito 20 84.5 pole 179.999 10 date".split(),
        b"GEOADD g2 -179.999 10.001 date 0 0 a 0.0001 0.0001 b".split(),
        b"ZADD z1 1.5 a -3 b 4e15 rome 3479447370796909 catania".split(),
        b"RPUSH l1 a".split(),
    ],
    share=0.5,
    keys=[b"g1", b"g2", b"z1", b"gone", b"l1"],
    others={"DEL": Rule(0.3), "TTL": Rule(0.3)},
)
