"""Places in sorted sets: `datatypes.geo` makes scores of them, and says which scores a search looks at.

GEOADD is a ZADD with scores that are computed, and is logged as one. The searches of two generations share
their options; what they find comes in the order of the cells, unless it is to be sorted. As seen on
redis-server 8.2.3.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from respq.command import DENYOOM, MOVABLEKEYS, READONLY, WRITE, Argv, Client, Keys, command, key
from respq.commands.arguments import Options, parse_double, parse_int
from respq.commands.sorted_set_ranges import store
from respq.commands.sorted_sets import zadd
from respq.datatypes import geo
from respq.datatypes.geo import Box, Circle, Point, Shape
from respq.datatypes.sorted_sets import SortedSetValue
from respq.errors import CommandError, syntax_error
from respq.protocol.resp import array, bulk, integer

READ = (key(1, "RO access"),)
UNITS: Final = {b"M": 1.0, b"KM": 1000.0, b"FT": 0.3048, b"MI": 1609.34}  # metres
UNIT: Final = "<M | KM | FT | MI>"
SHOWN: Final = "[WITHCOORD] [WITHDIST] [WITHHASH]"
ORDER: Final = "[ASC | DESC]"
COUNT: Final = "[COUNT count [ANY]]"
OF_SEARCH: Final = "O(N + log M), N members in the cells around, M in all"


# -- words -----------------------------------------------------------------------------------------


def _parse_point(longitude: bytes, latitude: bytes) -> Point:
    point = Point(parse_double(longitude), parse_double(latitude))
    if not point.is_valid:
        raise CommandError(f"invalid longitude,latitude pair {point.longitude:f},{point.latitude:f}")
    return point


def _parse_unit(word: bytes) -> float:
    """The length of a unit in metres."""
    if (unit := UNITS.get(word.upper())) is None:
        raise CommandError("unsupported unit provided. please use M, KM, FT, MI")
    return unit


def _parse_length(word: bytes, what: str) -> float:
    try:
        return parse_double(word)
    except CommandError:
        raise CommandError(f"need numeric {what}") from None


def _parse_radius(radius: bytes, unit: bytes) -> tuple[list[float], float]:
    """The radius of a circle and the length of the unit, both in metres."""
    length = _parse_length(radius, "radius")
    if length < 0:
        raise CommandError("radius cannot be negative")
    unit_m = _parse_unit(unit)
    return [length * unit_m], unit_m


def _parse_sides(width: bytes, height: bytes, unit: bytes) -> tuple[list[float], float]:
    """Width and height of a box and the length of the unit, all in metres."""
    wide, high = _parse_length(width, "width"), _parse_length(height, "height")
    if wide < 0 or high < 0:
        raise CommandError("height or width cannot be negative")
    unit_m = _parse_unit(unit)
    return [wide * unit_m, high * unit_m], unit_m


NOWHERE: Final = Point(0.0, 0.0)


def _centre_of(value: SortedSetValue | None, member: bytes) -> Point:
    """Where a member is; NOWHERE if there is no set."""
    if value is None:
        return NOWHERE
    if (score := value.scores.get(member)) is None:
        raise CommandError("could not decode requested zset member")
    return geo.decode(score)


def _shown_distance(distance_m: float, unit_m: float) -> bytes:
    return bulk(b"%.4f" % (distance_m / unit_m))


def _shown_point(c: Client, point: Point) -> bytes:
    return array([c.enc.double(point.longitude), c.enc.double(point.latitude)])


# -- places ----------------------------------------------------------------------------------------


@command("GEOADD", arity=-5, flags=WRITE | DENYOOM, keys=(key(1, "RW update"),), group="geo", since="3.2.0",
         syntax="key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]",
         complexity="O(m log n), m members added to n",
         argument_groups="condition data",
         argument_versions={"condition": "6.2.0", "change": "6.2.0"})  # fmt: skip
def geoadd(c: Client, argv: Argv) -> bytes:
    """Add members with their places to a sorted set, or give them other places."""
    at = 2
    while at < len(argv) and argv[at].upper() in {b"NX", b"XX", b"CH"}:
        at += 1
    options = {word.upper() for word in argv[2:at]}
    if (len(argv) - at) % 3 or {b"NX", b"XX"} <= options:
        raise syntax_error()
    words = [b"ZADD", *argv[1:at]]
    for longitude, latitude, member in zip(argv[at::3], argv[at + 1 :: 3], argv[at + 2 :: 3], strict=True):
        words += [b"%d" % geo.encode(_parse_point(longitude, latitude)), member]
    return zadd(c, words)


@command("GEOPOS", arity=-2, flags=READONLY, keys=READ, group="geo", since="3.2.0",
         syntax="key [member [member ...]]", complexity="O(1) per member")  # fmt: skip
def geopos(c: Client, argv: Argv) -> bytes:
    """Return the longitude and latitude of members, null for one that is missing."""
    scores = _scores(c, argv[1])
    found = [scores.get(member) for member in argv[2:]]
    return array([
        c.enc.null_array if score is None else _shown_point(c, geo.decode(score)) for score in found
    ])  # fmt: skip


@command("GEOHASH", arity=-2, flags=READONLY, keys=READ, group="geo", since="3.2.0",
         syntax="key [member [member ...]]", complexity="O(1) per member")  # fmt: skip
def geohash(c: Client, argv: Argv) -> bytes:
    """Return the places of members as geohashes of eleven letters, null for one that is missing."""
    scores = _scores(c, argv[1])
    found = [scores.get(member) for member in argv[2:]]
    return array([c.enc.null if score is None else bulk(geo.text(score).encode()) for score in found])


def _scores(c: Client, name: bytes) -> dict[bytes, float]:
    value = c.read(name, SortedSetValue)
    return {} if value is None else value.scores


@command("GEODIST", arity=-4, flags=READONLY, keys=READ, group="geo", since="3.2.0",
         syntax="key member1 member2 [M | KM | FT | MI]",
         argument_groups="unit")  # fmt: skip
def geodist(c: Client, argv: Argv) -> bytes:
    """Return how far two members are from each other, or null."""
    if len(argv) > 5:
        raise syntax_error()
    unit_m = _parse_unit(argv[4]) if len(argv) == 5 else 1.0
    scores = _scores(c, argv[1])
    if (first := scores.get(argv[2])) is None or (second := scores.get(argv[3])) is None:
        return c.enc.null
    return _shown_distance(geo.distance_m(geo.decode(first), geo.decode(second)), unit_m)


# -- searching -------------------------------------------------------------------------------------


class _Found(NamedTuple):
    """A member that is within the shape."""

    member: bytes
    score: float
    point: Point
    distance_m: float


class _Search:
    """What the words of a search say."""

    def __init__(self, destination: bytes | None = None) -> None:
        self.destination = destination
        self.stores_distances = False
        self.shape: Shape | None = None  # not read by GEORADIUSBYMEMBER where there is no set
        self.unit_m = 1.0
        self.shown: set[bytes] = set()  # WITHDIST, WITHHASH, WITHCOORD
        self.order = b""  # ASC, DESC or none
        self.count = 0  # 0: all
        self.any_will_do = False

    def read_option(self, name: bytes, options: Options) -> bool:
        """Take an option that every search has; False if it is none of these."""
        if name in {b"WITHDIST", b"WITHHASH", b"WITHCOORD"}:
            self.shown.add(name)
        elif name in {b"ASC", b"DESC"}:
            self.order = name
        elif name == b"ANY":
            self.any_will_do = True
        elif name == b"COUNT" and options.left:
            self.count = parse_int(options.value())
            if self.count <= 0:
                raise CommandError("COUNT must be > 0")
        else:
            return False
        return True

    def check(self, storing: str) -> None:
        """What only all options together can tell; `storing` is what a result is stored by."""
        if self.destination is not None and self.shown:
            raise CommandError(f"{storing} is not compatible with WITHDIST, WITHHASH and WITHCOORD options")
        if self.any_will_do and not self.count:
            raise CommandError("the ANY argument requires COUNT argument")
        if self.count and not self.order and not self.any_will_do:
            self.order = b"ASC"

    def results(self, value: SortedSetValue) -> list[_Found]:
        """The members within the shape, in the order and number that were asked for."""
        assert self.shape is not None
        enough = self.count if self.any_will_do else 0
        found = _within(value, self.shape, enough)
        if self.order:
            found.sort(key=lambda one: one.distance_m, reverse=self.order == b"DESC")
        return found[: self.count] if self.count else found


def _within(value: SortedSetValue, shape: Shape, enough: int) -> list[_Found]:
    """The members within a shape, cell by cell; no more than `enough`, if that is not 0."""
    found: list[_Found] = []
    for low, end in geo.score_ranges(shape):
        members, scores = value.read(*value.by_score(low, False, end, True))
        for member, score in zip(members, scores, strict=True):
            point = geo.decode(score)
            distance_m = shape.distance_m(point)
            if distance_m is not None:
                found.append(_Found(member, score, point, distance_m))
                if len(found) == enough:
                    return found
    return found


def _answer(c: Client, argv: Argv, search: _Search, value: SortedSetValue | None) -> bytes:
    found = [] if value is None else search.results(value)
    if search.destination is not None:
        scores = {
            one.member: one.distance_m / search.unit_m if search.stores_distances else one.score
            for one in found
        }
        event = "geosearchstore" if argv[0].upper() == b"GEOSEARCHSTORE" else "georadiusstore"
        return store(c, argv, search.destination, SortedSetValue.of(scores), event)
    return array([_shown(c, search, one) for one in found])


def _shown(c: Client, search: _Search, one: _Found) -> bytes:
    if not search.shown:
        return bulk(one.member)
    parts = [bulk(one.member)]
    if b"WITHDIST" in search.shown:
        parts.append(_shown_distance(one.distance_m, search.unit_m))
    if b"WITHHASH" in search.shown:
        parts.append(integer(int(one.score)))
    if b"WITHCOORD" in search.shown:
        parts.append(_shown_point(c, one.point))
    return array(parts)


# -- GEOSEARCH -------------------------------------------------------------------------------------

FROM_AND_BY: Final = (
    "<FROMMEMBER member | FROMLONLAT longitude latitude> "
    f"<BYRADIUS radius {UNIT} | BYBOX width height {UNIT}>"
)


def _geosearch(c: Client, argv: Argv, at: int, destination: bytes | None) -> bytes:
    """A search whose options begin with `argv[at]`, behind the name of the set."""
    value = c.read(argv[at - 1], SortedSetValue)
    search = _Search(destination=destination)
    centre: Point | None = None
    lengths_m: list[float] = []
    given: set[bytes] = set()  # which of each pair; the same one may come again
    for name in (options := Options(argv, at)):
        if name == b"FROMMEMBER" and options.left and b"FROMLONLAT" not in given:
            centre = _centre_of(value, options.value())
        elif name == b"FROMLONLAT" and options.left >= 2 and b"FROMMEMBER" not in given:
            centre = _parse_point(*options.values(2))
        elif name == b"BYRADIUS" and options.left >= 2 and b"BYBOX" not in given:
            lengths_m, search.unit_m = _parse_radius(*options.values(2))
        elif name == b"BYBOX" and options.left >= 3 and b"BYRADIUS" not in given:
            lengths_m, search.unit_m = _parse_sides(*options.values(3))
        elif name == b"STOREDIST" and destination is not None:
            search.stores_distances = True
        elif not search.read_option(name, options):
            raise syntax_error()
        given.add(name)
    command_name = argv[0].decode().upper()
    if centre is None:
        raise CommandError(f"exactly one of FROMMEMBER or FROMLONLAT can be specified for {command_name}")
    if not lengths_m:
        raise CommandError(f"exactly one of BYRADIUS and BYBOX can be specified for {command_name}")
    search.check(command_name)
    search.shape = Circle(centre, *lengths_m) if len(lengths_m) == 1 else Box(centre, *lengths_m)
    return _answer(c, argv, search, value)


@command("GEOSEARCH", arity=-7, flags=READONLY, keys=READ, group="geo", since="6.2.0", complexity=OF_SEARCH,
         syntax=f"key {FROM_AND_BY} {ORDER} {COUNT} {SHOWN}",
         argument_groups="from fromlonlat by circle unit box unit order count-block")  # fmt: skip
def geosearch(c: Client, argv: Argv) -> bytes:
    """Return the members that are within a circle or a box."""
    return _geosearch(c, argv, 2, None)


@command("GEOSEARCHSTORE", arity=-8, flags=WRITE | DENYOOM, keys=(key(1, "OW update"), key(2, "RO access")),
         group="geo", since="6.2.0", complexity=OF_SEARCH,
         syntax=f"destination source {FROM_AND_BY} {ORDER} {COUNT} [STOREDIST]",
         argument_groups="from fromlonlat by circle unit box unit order count-block")  # fmt: skip
def geosearchstore(c: Client, argv: Argv) -> bytes:
    """Store the members that are within a circle or a box, with their places or distances as scores."""
    return _geosearch(c, argv, 3, argv[1])


# -- GEORADIUS -------------------------------------------------------------------------------------

STORE: Final = "[STORE storekey | STOREDIST storedistkey]"


def _stored(at: int) -> tuple[Keys, ...]:
    """The keys of a search that can store its result; its options begin with argument `at`."""
    return (
        key(1, "RO access"),
        Keys("OW update", at, behind=b"STORE"),
        Keys("OW update", at, behind=b"STOREDIST"),
    )


def _georadius(
    c: Client, argv: Argv, at: int, value: SortedSetValue | None, centre: Point, *, may_store: bool
) -> bytes:
    """A search for what is within a radius, which is `argv[at]`; unit and options follow."""
    search = _Search()
    if value is not None or centre is not NOWHERE:
        lengths_m, search.unit_m = _parse_radius(*argv[at : at + 2])
        search.shape = Circle(centre, *lengths_m)
    for name in (options := Options(argv, at + 2)):
        if name in {b"STORE", b"STOREDIST"} and may_store and options.left:
            search.destination = options.value()
            search.stores_distances = name == b"STOREDIST"
        elif not search.read_option(name, options):
            raise syntax_error()
    search.check("STORE option in GEORADIUS")
    return _answer(c, argv, search, value)


def _around_point(c: Client, argv: Argv, *, may_store: bool) -> bytes:
    value = c.read(argv[1], SortedSetValue)
    return _georadius(c, argv, 4, value, _parse_point(argv[2], argv[3]), may_store=may_store)


def _around_member(c: Client, argv: Argv, *, may_store: bool) -> bytes:
    value = c.read(argv[1], SortedSetValue)
    return _georadius(c, argv, 3, value, _centre_of(value, argv[2]), may_store=may_store)


@command("GEORADIUS", arity=-6, flags=WRITE | DENYOOM | MOVABLEKEYS, keys=_stored(6), group="geo",
         since="3.2.0", syntax=f"key longitude latitude radius {UNIT} {SHOWN} {COUNT} {ORDER} {STORE}",
         complexity=OF_SEARCH,
         deprecated_since="6.2.0",
         replaced_by="`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
         argument_groups="unit count-block order store", argument_versions={"any": "6.2.0"})  # fmt: skip
def georadius(c: Client, argv: Argv) -> bytes:
    """Return or store the members that are within a radius of a place; GEOSEARCH does more."""
    return _around_point(c, argv, may_store=True)


@command("GEORADIUS_RO", arity=-6, flags=READONLY, keys=READ, group="geo", since="3.2.10",
         syntax=f"key longitude latitude radius {UNIT} {SHOWN} {COUNT} {ORDER}",
         complexity=OF_SEARCH,
         deprecated_since="6.2.0", replaced_by="`GEOSEARCH` with the `BYRADIUS` argument",
         argument_groups="unit count-block order", argument_versions={"any": "6.2.0"})  # fmt: skip
def georadius_ro(c: Client, argv: Argv) -> bytes:
    """Return the members that are within a radius of a place."""
    return _around_point(c, argv, may_store=False)


@command("GEORADIUSBYMEMBER", arity=-5, flags=WRITE | DENYOOM | MOVABLEKEYS, keys=_stored(5), group="geo",
         since="3.2.0", syntax=f"key member radius {UNIT} {SHOWN} {COUNT} {ORDER} {STORE}",
         complexity=OF_SEARCH,
         deprecated_since="6.2.0",
         replaced_by="`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
         argument_groups="unit count-block order store")  # fmt: skip
def georadiusbymember(c: Client, argv: Argv) -> bytes:
    """Return or store the members that are within a radius of a member; GEOSEARCH does more."""
    return _around_member(c, argv, may_store=True)


@command("GEORADIUSBYMEMBER_RO", arity=-5, flags=READONLY, keys=READ, group="geo", since="3.2.10",
         syntax=f"key member radius {UNIT} {SHOWN} {COUNT} {ORDER}", complexity=OF_SEARCH,
         deprecated_since="6.2.0",
         replaced_by="`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
         argument_groups="unit count-block order")  # fmt: skip
def georadiusbymember_ro(c: Client, argv: Argv) -> bytes:
    """Return the members that are within a radius of a member."""
    return _around_member(c, argv, may_store=False)
