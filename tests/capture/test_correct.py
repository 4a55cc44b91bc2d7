"""Corrections applied to takes in which everything is known."""

import numpy as np
import pytest

from capture.errors import DataError
from capture.players import find_people
from capture.players.corrections import (
    Add,
    Corrections,
    Drop,
    Fix,
    Keep,
    Label,
    Merge,
    Rename,
    Split,
)
from capture.point_cloud import PointCloud

PLACES = {"performer-1": (2.5, 0.9), "performer-2": (2.4, 0.0), "performer-3": (2.6, -0.9)}


class Images:
    def __init__(self, views):
        self.views = views
        self.times_s = np.arange(len(views)) / 5.0

    def image_point_cloud(self, index, *, color=True):
        return PointCloud(positions_m=self.views[index].points_m)


@pytest.fixture
def take(scenes):
    people = [scenes.person(x, y) for x, y in PLACES.values()]
    return Images([scenes.see(people, [scenes.floor()]) for _ in range(3)])


def found(take, *entries):
    return find_people(take, corrections=Corrections(entries=entries))


def places_of(people):
    return {each.name: each.trajectory.mean_position_m for each in people.performers}


def test_nothing_to_correct_changes_nothing(take):
    before, after = places_of(find_people(take)), places_of(found(take))
    assert list(before) == list(PLACES)
    for name, place in before.items():
        np.testing.assert_array_equal(after[name], place)


def test_merged_and_split_again_they_are_where_they_were(take):
    """The points of two are one person's, whose centroid is theirs together; and back."""
    before = find_people(take)
    sizes = {each.name: np.mean([len(c) for c in each.clouds]) for each in before.performers}
    merged = found(take, Merge(merge=("performer-2", "performer-1")))
    assert list(places_of(merged)) == ["performer-2", "performer-3"]
    both = merged.performers[0]
    size = np.mean([len(cloud) for cloud in both.clouds])
    assert size == pytest.approx(sizes["performer-1"] + sizes["performer-2"], rel=0.001)
    between = sum(places_of(before)[f"performer-{n}"][1] for n in (1, 2)) / 2
    assert both.trajectory.mean_position_m[1] == pytest.approx(between, abs=0.06)
    back = found(
        take,
        Merge(merge=("performer-2", "performer-1")),
        Split(split="performer-2", at_m=((2.5, 0.9), (2.4, 0.0)), into=("left", "performer-2")),
    )
    again = places_of(back)
    assert list(again) == ["left", "performer-2", "performer-3"]
    for name, old in (("left", "performer-1"), ("performer-2", "performer-2")):
        np.testing.assert_allclose(again[name], places_of(before)[old], atol=0.01)


def test_names_labels_and_who_is_dropped(take):
    people = found(
        take,
        Rename(rename="performer-1", to="Müller"),
        Drop(drop="performer-2", near_m=(2.4, 0.0)),
        Label(label="Müller", instrument="cello"),
        Keep(keep="performer-3"),
    )
    assert [(each.name, each.instrument) for each in people.performers] == [
        ("Müller", "cello"),
        ("performer-3", None),
    ]
    assert people.visitors == ()


def test_what_is_fixed_holds_during_its_time_and_is_certain(take):
    (first, *_) = found(
        take,
        Fix(fix="performer-1", position_m=(2.0, 1.0, 0.8), from_s=0.1),
        Fix(fix="performer-1", yaw_deg=90.0),
    ).performers
    (as_found, *_) = find_people(take).performers
    np.testing.assert_array_equal(
        first.trajectory.positions_m[0], as_found.trajectory.positions_m[0]
    )
    np.testing.assert_array_equal(first.trajectory.positions_m[1:], [[2.0, 1.0, 0.8]] * 2)
    assert first.position_std_m[0] == as_found.position_std_m[0] > 0
    assert first.position_std_m[1:].tolist() == [0.0, 0.0]
    assert np.degrees(first.trajectory.at(0.3).yaw_rad) == pytest.approx(90.0)


REFUSED = {
    "nobody": (Drop(drop="performer-7"), "nobody named 'performer-7'; did you mean 'performer-"),
    "gone": (Merge(merge=("performer-1", "performer-1")), "'performer-1' is named twice"),
    "taken": (Rename(rename="performer-1", to="performer-2"), "somebody named 'performer-2'"),
    "elsewhere": (
        Drop(drop="performer-1", near_m=(2.6, -0.9)),
        r"'performer-1' is at \(2.4\d, 0.\d\d\), not near \(2.6, -0.9\); performer-3 is there",
    ),
    "not there": (
        Split(split="performer-1", at_m=((2.5, 0.9), (2.0, -1.0))),
        r"nothing of 'performer-1' is within 0.4 m of \(2, -1\)",
    ),
    "too late": (
        Fix(fix="performer-1", yaw_deg=0.0, from_s=3.0),
        "not seen in that time, but from 0.00 s to 0.40 s",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_applied_is_refused(take, name):
    entry, words = REFUSED[name]
    with pytest.raises(DataError, match=words) as caught:
        found(take, Keep(keep="performer-2"), entry)
    assert str(caught.value).startswith("correction 2: ")


def test_a_visitor_is_kept(scenes):
    """Somebody walks by behind; kept, the walker is a player as well."""
    still = [scenes.person(2.2, 0.9), scenes.person(2.2, -0.9)]
    views = [
        scenes.see([*still, scenes.person(3.3, y, np.pi / 2)], [scenes.floor()])
        for y in np.linspace(-1.0, 1.0, 8)
    ]
    people = find_people(Images(views))
    assert [each.name for each in people.performers] == ["performer-1", "performer-2"]
    assert [(each.name, each.reason) for each in people.visitors] == [("visitor-1", "walks about")]
    walked = people.visitors[0].trajectory.positions_m
    assert walked[-1, 1] - walked[0, 1] > 1.2  # behind the others at the ends
    kept = found(Images(views), Keep(keep="visitor-1"))
    assert [each.name for each in kept.performers] == ["performer-1", "performer-2", "visitor-1"]
    assert kept.visitors == ()


def test_who_was_not_found_is_added_with_the_points_there(take):
    """A player who is dropped is nobody's, and comes back by a place."""
    before = find_people(take)
    missing = before.performers[1]
    back = found(take, Drop(drop="performer-2"), Add(add="second", at_m=PLACES["performer-2"]))
    assert [each.name for each in back.performers] == ["performer-1", "performer-3", "second"]
    again = back.performers[2]
    off = again.trajectory.mean_position_m - missing.trajectory.mean_position_m
    assert np.linalg.norm(off) < 0.03
    sizes = [np.mean([len(cloud) for cloud in each.clouds]) for each in (missing, again)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.1)
    for name in ("performer-1", "performer-3"):
        np.testing.assert_array_equal(places_of(back)[name], places_of(before)[name])


def test_an_added_player_is_there_in_the_time_that_is_given(take):
    people = found(
        take,
        Drop(drop="performer-2"),
        Add(add="late", at_m=PLACES["performer-2"], from_s=0.15),
        Label(label="late", instrument="viola"),
    )
    late = people.performers[2]
    assert late.trajectory.times_s[0] == pytest.approx(0.2)
    assert late.instrument == "viola"
    around = Add(add="ends", at_m=PLACES["performer-2"], to_s=0.1)
    people = found(take, Drop(drop="performer-2"), around)
    assert people.performers[2].trajectory.times_s[-1] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (Add(add="new", at_m=(2.4, 0.0)), r"nothing .* within 0.5 m of \(2.4, 0\); performer-2 is"),
        (Add(add="new", at_m=(1.0, 2.0), within_m=0.3), r"within 0.3 m of \(1, 2\)\.$"),
        (Add(add="performer-1", at_m=(2.4, 0.0)), "somebody named 'performer-1' already"),
        (Add(add="new", at_m=(2.4, 0.0), from_s=9.0), "no image in that time, but from 0.00 s to"),
    ],
)
def test_nobody_is_added_where_nobody_is(take, entry, words):
    with pytest.raises(DataError, match=words):
        found(take, entry)
