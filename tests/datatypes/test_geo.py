"""Places as scores: those that redis-server 8.2.3 gave, and searches against a look at every place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respq.datatypes import geo
from respq.datatypes.geo import Box, Circle, Point

PALERMO, CATANIA = Point(13.361389, 38.115556), Point(15.087269, 37.502669)
POINTS = st.builds(
    Point, st.floats(-179.9, 179.9), st.floats(-80, 80) | st.floats(-0.001, 0.001) | st.floats(79, 80)
)


def test_places_are_these_scores() -> None:
    assert geo.encode(PALERMO) == 3479099956230698
    assert geo.encode(CATANIA) == 3479447370796909
    assert geo.decode(3479099956230698) == Point(13.361389338970184, 38.1155563954963)
    assert geo.text(3479447370796909) == "sqdtr74hyu0"
    assert round(geo.distance_m(geo.decode(3479099956230698), geo.decode(3479447370796909)), 4) == 166274.1516


@pytest.mark.parametrize("score", [-3.0, 4e18, 1e300, float("inf"), float("-inf"), 1.5])
def test_any_score_is_somewhere(score: float) -> None:
    assert geo.decode(score).is_valid


@pytest.mark.parametrize(
    ("score", "point"),
    [
        (float("inf"), Point(-179.99999731779099, -85.05112751263943)),
        (1e20, Point(-179.99999731779099, -85.05112751263943)),
        (1e19, Point(180.0, 85.05112878)),
        (-9.3e18, Point(180.0, -85.05112751263943)),
        (float("-inf"), Point(180.0, -85.05112751263943)),
        (-1.0, Point(180.0, 85.05112878)),
    ],
)
def test_scores_that_fit_no_64_bits_are_where_redis_sees_them(score: float, point: Point) -> None:
    assert geo.decode(score) == point


@given(POINTS)
def test_a_place_comes_back_within_a_metre(point: Point) -> None:
    score = geo.encode(point)
    assert 0 <= score < 1 << geo.BITS
    assert geo.distance_m(point, geo.decode(score)) < 1


@given(st.lists(POINTS, max_size=20), POINTS, st.floats(0, 3_000_000), st.floats(0, 3_000_000), st.booleans())
def test_what_is_in_a_shape_is_in_its_ranges(
    points: list[Point], centre: Point, width: float, height: float, round_one: bool
) -> None:
    shape = Circle(centre, width) if round_one else Box(centre, width, height)
    ranges = list(geo.score_ranges(shape))
    assert len(ranges) <= 9
    for point in [*points, centre]:
        score = geo.encode(point)
        if shape.distance_m(geo.decode(score)) is not None and _is_inside(shape, geo.decode(score)):
            assert any(low <= score < end for low, end in ranges)


def _is_inside(shape: geo.Shape, point: Point) -> bool:
    """Whether a point is on this side of the date line, where Redis's searches end too."""
    west, _, east, _ = geo._bounds(shape)
    return west <= point.longitude <= east
