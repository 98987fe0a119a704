"""Places on earth as scores: the geohash of 52 bits that Redis keeps in sorted sets.

Longitude and latitude are halved 26 times each, and the bits taken in turn, the longitude's first; so the
places in one cell of any such grid are neighbours in the sorted set. A search looks into the cell of its
centre and the eight around it, on the finest grid whose cells are large enough. Longitude -180 to 180,
latitude -85.05112878 to 85.05112878 (as in EPSG:3857), distances by the haversine formula on a sphere.

The order of the nine cells, and every rounding, are those of redis-server 8.2.3, because a reply that
nobody asked to be sorted comes cell by cell. Sources: G. Morton, A computer oriented geodetic data base,
1966 (the interleaving); the manual of Redis's geo commands; what 8.2.3 answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import asin, cos, fabs, isfinite, nan, pi, sin, sqrt
from typing import Final, NamedTuple

STEPS: Final = 26  # halvings of each coordinate
BITS: Final = 2 * STEPS
LONGITUDE: Final = (-180.0, 180.0)
LATITUDE: Final = (-85.05112878, 85.05112878)
_LATITUDE_OF_TEXT = (-90.0, 90.0)  # a geohash as others write it

EARTH_RADIUS_M: Final = 6372797.560856
_FARTHEST_M = 20037726.37  # half of the equator, as the projection has it
_RADIANS = pi / 180

_ALPHABET = "0123456789bcdefghjkmnpqrstuvwxyz"
_LETTERS = 11
_TWO_TO_63 = 2.0**63

Span = tuple[float, float]


class Point(NamedTuple):
    """A place, in degrees."""

    longitude: float
    latitude: float

    @property
    def is_valid(self) -> bool:
        """Whether there is a geohash for it."""
        return LONGITUDE[0] <= self.longitude <= LONGITUDE[1] and LATITUDE[0] <= self.latitude <= LATITUDE[1]


# -- bits ------------------------------------------------------------------------------------------


def encode(point: Point) -> int:
    """The geohash of a valid point."""
    return _cell_of(point, STEPS)


def decode(score: float) -> Point:
    """The middle of the smallest cell that a score names; of any score, since these are sorted sets.

    One that fits no 64 bits is taken for what x86-64 makes of it: 0, or the smallest integer if negative.
    """
    if -_TWO_TO_63 <= score < 2 * _TWO_TO_63:
        bits = int(score) & (1 << 64) - 1
    else:
        bits = 0 if score > 0 else 1 << 63
    longitude, latitude = _span(bits >> 1, STEPS, LONGITUDE), _span(bits, STEPS, LATITUDE)
    return Point(_middle(longitude, LONGITUDE), _middle(latitude, LATITUDE))


def text(score: float) -> str:
    """The geohash as others write it: eleven letters, the last of which tells nothing."""
    bits = _cell_of(decode(score), STEPS, _LATITUDE_OF_TEXT) << 5 * _LETTERS - BITS
    letters = [_ALPHABET[bits >> 5 * at & 31] for at in range(_LETTERS - 1, 0, -1)]
    return "".join([*letters, _ALPHABET[0]])


def _cell_of(point: Point, steps: int, latitude: Span = LATITUDE) -> int:
    """The cell with a point, on the grid of so many steps."""
    return _spread(_position(point.longitude, LONGITUDE, steps)) << 1 | _spread(
        _position(point.latitude, latitude, steps)
    )


def _position(coordinate: float, within: Span, steps: int) -> int:
    low, high = within
    return int((coordinate - low) / (high - low) * (1 << steps))


def _span(bits: int, steps: int, within: Span) -> Span:
    """Where the cell whose every second bit is given begins and ends."""
    low, high = within
    position = _gather(bits)
    size = high - low
    return low + position / (1 << steps) * size, low + (position + 1) / (1 << steps) * size


def _middle(span: Span, within: Span) -> float:
    return max(within[0], min(within[1], (span[0] + span[1]) / 2))


def _spread(number: int) -> int:
    """A zero before each of 32 bits."""
    number = (number | number << 16) & 0x0000FFFF0000FFFF
    number = (number | number << 8) & 0x00FF00FF00FF00FF
    number = (number | number << 4) & 0x0F0F0F0F0F0F0F0F
    number = (number | number << 2) & 0x3333333333333333
    return (number | number << 1) & 0x5555555555555555


def _gather(number: int) -> int:
    """Every second bit of 64, the last one included."""
    number &= 0x5555555555555555
    number = (number | number >> 1) & 0x3333333333333333
    number = (number | number >> 2) & 0x0F0F0F0F0F0F0F0F
    number = (number | number >> 4) & 0x00FF00FF00FF00FF
    number = (number | number >> 8) & 0x0000FFFF0000FFFF
    return (number | number >> 16) & 0x00000000FFFFFFFF


# -- distance --------------------------------------------------------------------------------------


def distance_m(a: Point, b: Point) -> float:
    """How far two places are from each other, in metres."""
    half_longitude = sin((b.longitude * _RADIANS - a.longitude * _RADIANS) / 2)
    if half_longitude == 0.0:
        return _along_meridian_m(a, b)
    latitude_a, latitude_b = a.latitude * _RADIANS, b.latitude * _RADIANS
    half_latitude = sin((latitude_b - latitude_a) / 2)
    chord = (
        half_latitude * half_latitude + cos(latitude_a) * cos(latitude_b) * half_longitude * half_longitude
    )
    return 2.0 * EARTH_RADIUS_M * asin(sqrt(chord))


def _along_meridian_m(a: Point, b: Point) -> float:
    return EARTH_RADIUS_M * fabs(b.latitude * _RADIANS - a.latitude * _RADIANS)


# -- shapes ----------------------------------------------------------------------------------------


class Circle(NamedTuple):
    """What is within a radius of a place."""

    centre: Point
    radius_m: float

    @property
    def half_width_m(self) -> float:
        """From the centre to the side of the box around it."""
        return self.radius_m

    @property
    def half_height_m(self) -> float:
        """From the centre to the top of the box around it."""
        return self.radius_m

    def distance_m(self, point: Point) -> float | None:
        """How far a point is from the centre; None if it is outside."""
        found = distance_m(self.centre, point)
        return None if found > self.radius_m else found


class Box(NamedTuple):
    """What is within a width and a height, with a place in the middle."""

    centre: Point
    width_m: float
    height_m: float

    @property
    def half_width_m(self) -> float:
        """From the centre to the side."""
        return self.width_m / 2

    @property
    def half_height_m(self) -> float:
        """From the centre to the top."""
        return self.height_m / 2

    @property
    def radius_m(self) -> float:
        """From the centre to a corner."""
        return sqrt(self.half_width_m * self.half_width_m + self.half_height_m * self.half_height_m)

    def distance_m(self, point: Point) -> float | None:
        """How far a point is from the centre; None if it is outside."""
        if _along_meridian_m(point, self.centre) > self.height_m / 2:
            return None
        if distance_m(point, Point(self.centre.longitude, point.latitude)) > self.width_m / 2:
            return None
        return distance_m(self.centre, point)


Shape = Circle | Box


# -- search ----------------------------------------------------------------------------------------

# The centre and the cells around it, as steps in longitude and latitude.
_AROUND = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))


def score_ranges(shape: Shape) -> Iterator[tuple[int, int]]:
    """The scores that places in a shape may have: from, inclusive, to, exclusive; at most nine ranges."""
    west, south, east, north = _bounds(shape)
    steps = _steps_for(shape.radius_m, shape.centre.latitude)
    cell = _cell_of(shape.centre, steps)
    if steps > 1 and not _neighbours_reach(cell, steps, west, south, east, north):
        steps -= 1
        cell = _cell_of(shape.centre, steps)
    longitude, latitude = _span(cell >> 1, steps, LONGITUDE), _span(cell, steps, LATITUDE)
    last = None
    for x, y in _AROUND:
        if steps >= 2 and (
            (y < 0 and latitude[0] < south)
            or (y > 0 and latitude[1] > north)
            or (x < 0 and longitude[0] < west)
            or (x > 0 and longitude[1] > east)
        ):
            continue  # the centre's cell reaches as far as the shape
        found = _moved(cell, steps, x, y)
        if found != last:  # on the coarsest grids cells are neighbours on both sides
            yield found << BITS - 2 * steps, found + 1 << BITS - 2 * steps
            last = found


def _bounds(shape: Shape) -> tuple[float, float, float, float]:
    """West, south, east and north of a shape, in degrees."""
    longitude, latitude = shape.centre
    height = shape.half_height_m / EARTH_RADIUS_M / _RADIANS
    nearest_pole = latitude - height if latitude < 0 else latitude + height
    shrunk = cos(nearest_pole * _RADIANS) if isfinite(nearest_pole) else nan  # and the shape is everywhere
    width = shape.half_width_m / EARTH_RADIUS_M / shrunk / _RADIANS
    return longitude - width, latitude - height, longitude + width, latitude + height


def _steps_for(radius_m: float, latitude: float) -> int:
    """The finest grid on which a shape reaches no farther than the next cells."""
    if radius_m == 0:
        return STEPS
    steps = 1
    while radius_m < _FARTHEST_M:
        radius_m *= 2
        steps += 1
    steps -= 2
    if abs(latitude) > 66:
        steps -= 2 if abs(latitude) > 80 else 1
    return max(1, min(STEPS, steps))


def _neighbours_reach(cell: int, steps: int, west: float, south: float, east: float, north: float) -> bool:
    """Whether the next cells in all four directions contain what there is of a shape."""
    return (
        _span(_moved(cell, steps, 0, 1), steps, LATITUDE)[1] >= north
        and _span(_moved(cell, steps, 0, -1), steps, LATITUDE)[0] <= south
        and _span(_moved(cell, steps, 1, 0) >> 1, steps, LONGITUDE)[1] >= east
        and _span(_moved(cell, steps, -1, 0) >> 1, steps, LONGITUDE)[0] <= west
    )


def _moved(cell: int, steps: int, x: int, y: int) -> int:
    """The cell so many cells to the east and to the north, around the earth.

    180 degrees east and the highest latitude are one cell beyond the grid, and stay so if nothing moves.
    """
    mask = (1 << steps) - 1
    longitude, latitude = _gather(cell >> 1), _gather(cell)
    if x:
        longitude = longitude + x & mask
    if y:
        latitude = latitude + y & mask
    return _spread(longitude) << 1 | _spread(latitude)
