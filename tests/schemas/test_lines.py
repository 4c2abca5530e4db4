"""Positions in the ways that editors count them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olivine_schemas.lines import LineIndex, Units

TEXTS = st.text(alphabet="a\n\r\u2028\x0bé漢😀", max_size=30)


@given(TEXTS)
def test_offsets_survive_the_way_to_line_and_column_and_back(text: str) -> None:
    index = LineIndex(text)
    for offset in range(len(text) + 1):
        line, column = index.position(offset)
        within = text[index.starts[line] : index.starts[line] + column]
        if "\r" not in within and "\n" not in within:
            assert index.offset(line, column) == offset


@given(TEXTS, st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_columns_are_what_the_encoding_says(text: str, units: Units) -> None:
    index = LineIndex(text)
    width, codec = {"utf-8": (1, "utf-8"), "utf-16": (2, "utf-16-le"), "utf-32": (4, "utf-32-le")}[units]
    for line in range(len(index.starts)):
        for column in range(len(index.line(line)) + 1):
            encoded = index.column_in(units, line, column)
            assert encoded == len(index.line(line)[:column].encode(codec)) // width
            assert index.column_from(units, line, encoded) == column


@pytest.mark.parametrize(
    ("text", "starts"),
    [("", [0]), ("a", [0]), ("a\n", [0, 2]), ("a\r\nb\rc\n", [0, 3, 5, 7]), ('"\u2028\x0b\x85"\n', [0, 6])],
)
def test_only_line_feeds_and_carriage_returns_end_a_line(text: str, starts: list[int]) -> None:
    assert LineIndex(text).starts == starts


def test_what_lies_outside_is_moved_inside() -> None:
    index = LineIndex("ab\ncd")
    assert index.position(99) == (1, 2)
    assert index.position(-1) == (0, 0)
    assert (index.offset(0, 99), index.offset(9, 0), index.offset(-1, 3)) == (2, 5, 0)
    assert index.column_in("utf-16", 9, 3) == index.column_from("utf-16", 9, 3) == 0


def test_a_column_inside_a_surrogate_pair_is_before_the_character() -> None:
    assert LineIndex("a😀b").column_from("utf-16", 0, 2) == 1
