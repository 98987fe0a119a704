"""Long double arithmetic without long doubles: what redis-server 8.2.3 on x86-64 answered to INCRBYFLOAT."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respq.commands.longdouble import NotFiniteError, human, parse, rounded

# Two numbers and their sum as it was printed; None: one of them is out of range.
SUMS = [
    (b"0x1p-16445", b"0", b"0"),
    (b"0x1p-16446", b"0", None),
    (b"0x1.ffffffffffffffffp16383", b"0", None),
    (b"3.6e-4951", b"0", b"0"),
    (b"1e-17", b"0", b"0.00000000000000001"),
    (b"0.000000000000000005", b"0", b"0"),
    (b"0.000000000000000015", b"0", b"0.00000000000000002"),
    (b"123456789012345678901234567890", b"0", b"123456789012345678899921813504"),
    (b"-0.1", b"0", b"-0.1"),
    (b"0x.8", b"0", b"0.5"),
    (b"1e0000000000000000000000000005", b"0", b"100000"),
    (b"0e99999999999", b"0", b"0"),
    (b"11954477216099.191", b"0.0007100912718085173", b"11954477216099.19171047210693359"),
    (b"48.3353810223269971", b"-379.11884", b"-330.7834589776730029"),
    (b"7.807609840249788e-14", b"-2076800470835.3027", b"-2076800470835.30270004272460938"),
    (b"2.3112540915714154e-06", b"6.634032506999561e-12", b"0.0000023112607256"),
    (b"-611.80479377", b"-50.79201478072", b"-662.59680855072"),
    (b"92275758450357062e-12", b"32489906378073.63", b"32489906470349.38844871520996094"),
    (b"-1.864425242296428e-11", b"33320313538e2", b"3332031353800"),
    (b"-857.6560", b"-405.11531546862", b"-1262.77131546862"),
    (b"898.60", b"41779828663.80272", b"41779829562.40272000059485435"),
    (b"289.4526083", b"-363.16848502605", b"-73.71587672605"),
    (b"447.179", b"632.3393649336252256", b"1079.51836493362522562"),
    (b"-6.186311694192679e-08", b"-2324964237.7334867", b"-2324964237.73348676203750074"),
    (b"-57.426865398182116", b"362122779723990316e-17", b"-53.80563760094221284"),
    (b"749.689", b"7407840e-14", b"749.68900007407840003"),
    (b"249.42220771827", b"-0.008514380143565361", b"249.41369333812643465"),
    (b"-51397415.972487524", b"-93583790552302.03", b"-93583841949718.0024871826171875"),
    (b"50606e-19", b"-0.03783774240549845", b"-0.03783774240549339"),
    (b"97360327e-18", b"288.792027098764260706", b"288.79202709886162101"),
    (b"1414090509596649e-4", b"-777.65", b"141409050182.01489999890327454"),
    (b"99298121e-5", b"686.9368823876457534", b"1679.9180923876457534"),
    (b"475.129", b"145.286", b"620.41500000000000004"),
    (b"873.278078", b"-158.68067711428872", b"714.59740088571127997"),
    (b"-423.629345868395", b"370e-22", b"-423.62934586839500001"),
    (b"71688250877e7", b"8758383063397086930e-8", b"716882596353830634"),
    (b"2e8", b"-355.28554510018796", b"199999644.71445489981852006"),
    (b"-852.463", b"4.7401098973251775e-08", b"-852.46299995259890103"),
]


@pytest.mark.parametrize(("one", "other", "printed"), SUMS)
def test_sums_print_the_digits_of_the_reference(one: bytes, other: bytes, printed: bytes | None) -> None:
    if printed is None:
        with pytest.raises(ValueError):
            parse(one)
    else:
        assert human(rounded(parse(one) + parse(other))) == printed


@pytest.mark.parametrize("word", [b"inf", b"-INF", b"+Infinity"])
def test_infinity_is_told_apart_from_what_is_no_number(word: bytes) -> None:
    with pytest.raises(NotFiniteError):
        parse(word)


@pytest.mark.parametrize(
    "word",
    [
        b"",
        b" 1",
        b"1 ",
        b"1\0",
        b"1,5",
        b"1e",
        b"1e+",
        b"0x",
        b"0x.p1",
        b".",
        b"-",
        b"nan",
        b"nan(1)",
        b"infinit",
        b"1_0",
        b"0b1",
        b"1" * 5120,
        b"0." + b"0" * 5000 + b"1",
        b"1e99999999999999999999",
        b"1e-99999999999999999999",
    ],
)
def test_anything_else_is_no_number(word: bytes) -> None:
    with pytest.raises(ValueError):
        parse(word)


def test_long_spellings_are_read_to_the_end() -> None:
    assert parse(b"0" * 5000 + b"1") == 1
    assert parse(b"1" * 4932) == rounded(Fraction(int("1" * 4000) * 10**932 + int("1" * 932)))
    assert len(human(parse(b"1" * 4932))) == 4932
    assert parse(b"1e" + b"0" * 5000 + b"3") == 1000


def test_the_greatest_number_is_the_last() -> None:
    greatest = Fraction(((1 << 64) - 1) << (16384 - 64))
    assert rounded(greatest) == greatest
    with pytest.raises(NotFiniteError):
        rounded(greatest + (1 << (16384 - 65)))


def test_ties_go_to_the_even_neighbour() -> None:
    assert rounded(Fraction((1 << 64) + 1)) == 1 << 64
    assert rounded(Fraction((1 << 64) + 3)) == (1 << 64) + 4
    assert rounded(Fraction(-(1 << 64) - 1)) == -(1 << 64)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_is_a_long_double(number: float) -> None:
    exact = Fraction(number)
    assert rounded(exact) == exact
    assert parse(number.hex().encode()) == exact


@given(st.integers(-(2**64), 2**64))
def test_integers_up_to_64_bits_are_exact(number: int) -> None:
    assert human(parse(b"%d" % number)) == b"%d" % number


@given(st.fractions(), st.integers(-200, 200))
def test_rounding_is_off_by_at_most_half_a_unit(exact: Fraction, exponent: int) -> None:
    exact *= Fraction(2) ** exponent
    error = abs(rounded(exact) - exact)
    assert error <= abs(exact) / (1 << 64)
