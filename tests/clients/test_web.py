"""Chromium opens the page: what it asks for, shows and plays, and what hands and keys do to it."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
import web_client
from chromium import Chromium
from client_figures import tone_db
from golden_scene import LISTENER_M, RATE_HZ, SOURCES
from web_client import complaints, rendered, started, world

from auralize.exporting import export
from auralize.view import SceneServer
from scenes.export.web.page import page_text

pytestmark = [
    pytest.mark.client,
    pytest.mark.skipif(bool(web_client.missing()), reason=web_client.missing()),
]


@pytest.fixture(scope="module")
def browser():
    with Chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def folder(golden_export):
    return golden_export("web")


@pytest.fixture
def page(browser, folder):
    page = started(browser, folder)
    yield page
    page.close()


def noise(seconds, seed, rate_hz=RATE_HZ):
    """Return noise with as much power in each octave, from 100 Hz to 12 kHz."""
    count = round(seconds * rate_hz)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    frequencies = np.fft.rfftfreq(count, 1 / rate_hz)
    spectrum /= np.sqrt(np.maximum(frequencies, 20))
    spectrum[(frequencies < 100) | (frequencies > 12_000)] = 0
    sound = np.fft.irfft(spectrum, count)
    return (0.1 * sound / sound.std()).astype(np.float32)


def exported(folder, sources, *, listener="{}", seconds=2.0, more=""):
    """Export a scene of noises to a page; sources are lines of YAML without name and file."""
    lines = [
        f"version: 1\ntitle: T\nsample_rate_hz: {RATE_HZ}\nlistener: {listener}\n{more}sources:"
    ]
    for index, source in enumerate(sources):
        soundfile.write(folder / f"{index}.wav", noise(seconds, index), RATE_HZ, "FLOAT")
        lines.append(f"  - {{name: n{index}, file: {index}.wav, {source}}}")
    (folder / "scene.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    export(folder / "scene.yaml", "web", folder / "out")
    return folder / "out"


def level_db(sound, start_s=0.3):
    """Return the level of each ear."""
    part = sound[:, round(start_s * RATE_HZ) :]
    return 20 * np.log10(np.sqrt(np.mean(np.square(part, dtype=np.float64), axis=1)))


def power_db(sound):
    return 10 * np.log10((10 ** (level_db(sound) / 10)).sum())


def test_golden_scene(folder):
    figures = web_client.check(folder)
    assert figures.position_error_m < 0.001
    assert figures.left_db[0] > figures.left_db[1] + 1  # in a room that rings
    assert figures.right_db[1] > figures.right_db[0] + 1
    assert figures.start_offset_samples == 0


def test_nothing_is_asked_of_any_network(page, folder):
    page.wait_for("auralize.state().timeS > 0.5")
    assert page.requests == [(folder / "index.html").as_uri()]
    assert complaints(page) == []
    state = page.run("auralize.state()")
    assert [source["name"] for source in state["sources"]] == [source.name for source in SOURCES]
    assert [source["points"] > 300 for source in state["sources"]] == [
        source.has_clouds for source in SOURCES
    ]


def test_left_is_left_and_levels_are_the_renderers(browser, tmp_path):
    """Each direction is as loud as `auralize render` makes it, to what heads differ by."""
    from auralize.output.rendering import render

    places = {"left": (0, 2), "right": (0, -2), "front": (2, 0), "behind": (-2, 0)}
    out = exported(tmp_path, [f"position_m: [{x}, {y}, 1.2]" for x, y in places.values()])
    page = started(browser, out)
    float32 = {"sample_format": "float32", "limit_true_peak": False}
    for index, side in enumerate(places):
        page.press(str(index + 1), f"Digit{index + 1}", shift=True)
        ours = rendered(page, 0.0, 1.5)
        page.press(str(index + 1), f"Digit{index + 1}", shift=True)
        one = tmp_path / "one.yaml"
        x, y = places[side]
        one.write_text(
            f"version: 1\nsample_rate_hz: {RATE_HZ}\nsources:\n"
            f"  - {{name: a, file: {index}.wav, position_m: [{x}, {y}, 1.2]}}\n"
        )
        render(one, tmp_path / "one.wav", output=float32)
        truth = soundfile.read(tmp_path / "one.wav")[0].T[:, : ours.shape[1]]
        assert power_db(ours) == pytest.approx(power_db(truth), abs=1.0)
        left, right = level_db(ours)
        if side == "left":
            assert left > right + 4
        elif side == "right":
            assert right > left + 4
        else:
            assert left == pytest.approx(right, abs=0.3)
    page.close()


def test_the_scenes_own_head(browser, tmp_path):
    """With an HRTF of its own, the page is within a decibel of the renderer at each ear."""
    from auralize.hrtf.head import default_hrtf_path
    from auralize.output.rendering import render

    shutil.copy(default_hrtf_path(), tmp_path / "own.sofa")
    out = exported(tmp_path, ["position_m: [2, 1, 1.2]"], listener="{sofa: own.sofa}")
    page = started(browser, out)
    ours = rendered(page, 0.0, 1.5)
    float32 = {"sample_format": "float32", "limit_true_peak": False}
    render(tmp_path / "scene.yaml", tmp_path / "truth.wav", output=float32)
    truth = soundfile.read(tmp_path / "truth.wav")[0].T[:, : ours.shape[1]]
    assert level_db(ours) == pytest.approx(level_db(truth), abs=0.5)
    # The same waveform, but for what MP3 and the nearest direction change.
    for ear in (0, 1):
        from scipy.signal import correlate

        likeness = correlate(ours[ear], truth[ear], "full", "fft").max()
        assert likeness / np.linalg.norm(ours[ear]) / np.linalg.norm(truth[ear]) > 0.9
    page.close()


def test_the_room_is_as_loud_as_the_renderers(browser, tmp_path):
    from auralize.output.rendering import render

    room = "room: {size_m: [8, 6, 3], floor_center_m: [2, 0, 0], rt60_s: 0.6}\n"
    sources = ["position_m: [2, 1.5, 1.2], reference_distance_m: 2, gain_db: -3"]
    out = exported(tmp_path, sources, more=room)
    page = started(browser, out)
    ours = rendered(page, 0.0, 2.0)
    page.run("const room = document.querySelector('#room'); room.value = room.min;"
             "room.dispatchEvent(new Event('input'))")  # fmt: skip
    reverberation = ours - rendered(page, 0.0, 2.0)
    page.close()
    float32 = {"sample_format": "float32", "limit_true_peak": False}
    text = (tmp_path / "scene.yaml").read_text(encoding="utf-8")
    (tmp_path / "wet.yaml").write_text(text.replace("0.6}", "0.6, direct: false}"))
    for name, found in (("scene", ours), ("wet", reverberation)):
        render(tmp_path / f"{name}.yaml", tmp_path / f"{name}.wav", output=float32)
        truth = soundfile.read(tmp_path / f"{name}.wav")[0].T[:, : found.shape[1]]
        assert level_db(found) == pytest.approx(level_db(truth), abs=0.8)


def test_levels_follow_the_distance_law(browser, tmp_path):
    """6 dB a doubling, also inside the reference distance, where engines stop."""
    distances = (0.5, 1.0, 2.0, 4.0, 8.0)
    sources = [
        f"position_m: [{d}, 0, 1.2], reference_distance_m: 2, gain_db: {2 * i}"
        for i, d in enumerate(distances)
    ]
    out = exported(tmp_path, sources)
    page = started(browser, out)
    levels = []
    for index in range(len(distances)):
        page.press(str(index + 1), f"Digit{index + 1}", shift=True)
        levels.append(level_db(rendered(page, 0.0, 1.0))[0] - 2 * index)
        page.press(str(index + 1), f"Digit{index + 1}", shift=True)
    law = -20 * np.log10(distances)
    assert np.array(levels) - levels[1] == pytest.approx(law - law[1], abs=0.5)
    page.close()


@pytest.fixture(scope="module")
def long_page(browser, tmp_path_factory):
    """Three seconds more than two slots, one source that moves and one that is silent."""
    tmp_path = tmp_path_factory.mktemp("long")
    moving = "[{time_s: 7, position_m: [2, 1, 1]}, {time_s: 9, position_m: [2, -1, 1]}]"
    out = exported(
        tmp_path,
        ["position_m: [1, 1, 1.2]", "position_m: [1, -1, 1.2]", f"keyframes: {moving}"],
        seconds=19.0,
    )
    page = browser.page()
    page.before(
        "window.starts = []; const start = AudioBufferSourceNode.prototype.start;"
        "AudioBufferSourceNode.prototype.start = function (when, offset) {"
        "  window.starts.push([when, offset]); return start.call(this, when, offset); };"
    )
    page.open(out / "index.html")
    page.click("#start")
    page.wait_for("auralize.state().state === 'playing'")
    yield page, tmp_path
    page.close()


def test_all_stems_of_a_slot_start_at_one_sample(long_page):
    page, _ = long_page
    page.run("window.starts.length = 0; auralize.seek(7.5)")
    page.wait_for("window.starts.length >= 6")
    starts = np.array(page.run("window.starts")[:6])
    for slot in (starts[:3], starts[3:]):
        assert (slot == slot[0]).all()
    # The next slot sounds half a second later, but for its fade of 240 samples.
    assert starts[3, 0] - starts[0, 0] == pytest.approx(0.5 - 240 / RATE_HZ, abs=1e-9)
    assert starts[0, 1] == pytest.approx(7.5 + 240 / RATE_HZ, abs=1e-9)
    assert starts[3, 1] == 0
    # On the grid of samples.
    assert starts[0, 0] * RATE_HZ == pytest.approx(round(starts[0, 0] * RATE_HZ), abs=1e-4)


def test_slots_join_without_a_seam(long_page):
    """What is rendered over the end of a slot is what is rendered from before it, bit for bit."""
    page, folder = long_page
    over = rendered(page, 7.5, 1.0)
    assert np.abs(np.diff(over[:, 23_000:25_000])).max() < 1.5 * np.abs(np.diff(over)).max()
    truth, _ = soundfile.read(folder / "0.wav", dtype="float32")
    for slot in (0, 1):
        stem = web_client.stem(page, 0, slot)
        wanted = truth[8 * slot * RATE_HZ :][: len(stem) - 480]
        level = np.dot(stem[240 : len(wanted)], wanted[240:]) / np.dot(wanted[240:], wanted[240:])
        error = stem[240 : len(wanted)] / level - wanted[240:]
        assert np.std(error) < 0.2 * np.std(wanted)


def test_moving_sources_move(long_page):
    page, _ = long_page
    page.press("3", "Digit3", shift=True)
    before, after = level_db(rendered(page, 5.5, 1.0)), level_db(rendered(page, 9.5, 1.0))
    page.press("3", "Digit3", shift=True)
    assert before[0] > before[1] + 2
    assert after[1] > after[0] + 2


def test_scrubbing_seeks_all_together(long_page):
    page, _ = long_page
    x, y = page.place_of("#timeline")
    left = page.run("document.querySelector('#timeline').getBoundingClientRect().left")
    width = 2 * (x - left)
    page.run("window.starts.length = 0")
    page.drag([(left + 0.2 * width, y), (left + 0.4 * width, y), (left + 0.75 * width, y)])
    page.wait_for("auralize.state().state === 'playing' && window.starts.length >= 3")
    time_s = page.run("auralize.state().timeS")
    assert 0.75 * 19 <= time_s < 0.75 * 19 + 3
    starts = np.array(page.run("window.starts").copy()[-3:])
    assert (starts == starts[0]).all()
    page.run("auralize.pause()")
    paused_s = page.run("auralize.state().timeS")
    page.run("auralize.seek(2)")
    assert page.run("auralize.state().timeS") == 2
    assert paused_s >= time_s


def test_looping_goes_on_at_the_start(long_page):
    page, _ = long_page
    page.click("#loop")
    page.run("window.starts.length = 0; auralize.seek(18.4)")
    page.run("auralize.play()")
    page.wait_for("auralize.state().timeS < 10 && auralize.state().state === 'playing'")
    starts = np.array(page.run("window.starts"))
    assert starts[3, 0] - starts[0, 0] == pytest.approx(0.6 - 240 / RATE_HZ, abs=1e-6)
    page.click("#loop")
    page.run("auralize.pause()")


def test_solo_mute_and_gain_act(page):
    tones = [source.tone_hz for source in SOURCES]

    def levels():
        sound = rendered(page, 0.6, 0.4)
        return np.array(
            [max(tone_db(ear, RATE_HZ, hz, 0.02, 0.38) for ear in sound) for hz in tones]
        )

    page.run("document.querySelector('#room').value = -40;"
             "document.querySelector('#room').dispatchEvent(new Event('input'))")  # fmt: skip
    before = levels()
    page.click("#player-list li:nth-child(2) .mute")
    muted = levels()
    assert muted[1] < before[1] - 40
    np.testing.assert_allclose(muted[[0, 2, 3]], before[[0, 2, 3]], atol=0.2)
    page.click("#player-list li:nth-child(2) .mute")
    page.click("#player-list li:nth-child(3) .solo")
    alone = levels()
    assert alone[2] == pytest.approx(before[2], abs=0.2)
    assert (alone[[0, 1, 3]] < before[[0, 1, 3]] - 40).all()
    page.click("#player-list li:nth-child(3) .solo")
    page.run(
        "const gain = document.querySelector('#player-list li:nth-child(1) input');"
        "gain.value = -12; gain.dispatchEvent(new Event('input'))"
    )
    np.testing.assert_allclose(levels() - before, [-12, 0, 0, 0], atol=0.2)
    # What plays follows, too: 12 dB below the factor by which the stem was encoded louder.
    page.run("auralize.play()")
    page.wait_for("auralize.state().sources[0].gain < 0.08")
    page.press("r")
    np.testing.assert_allclose(levels(), before, atol=0.2)


def map_place(page, who):
    """Return where somebody is in the plan, on the screen."""
    x, y = page.run(f"auralize.spot({who!r})".replace("'", '"'))
    left, top = page.run(
        "(() => { const b = document.querySelector('#map').getBoundingClientRect();"
        "return [b.left, b.top]; })()"
    )
    return left + x, top + y


def test_dragging_in_the_plan_changes_what_is_heard(page):
    page.press("1", "Digit1", shift=True)  # the left one alone
    before = level_db(rendered(page, 0.6, 0.4), 0.05)
    start, other = map_place(page, 0), map_place(page, 1)
    page.drag([start, ((start[0] + other[0]) / 2, start[1] - 20), other])
    state = page.run("auralize.state()")
    moved, right = (world(state["sources"][index]["position"]) for index in (0, 1))
    assert np.abs(moved - right).max() < 0.05
    after = level_db(rendered(page, 0.6, 0.4), 0.05)
    assert before[0] > before[1] + 1
    assert after[1] > after[0] + 1


def test_dragging_oneself_and_turning(page):
    start = map_place(page, "listener")
    page.drag([start, (start[0] + 10, start[1]), (start[0] + 30, start[1] + 30)])
    moved = page.run("auralize.state().listener.position")
    assert moved[0] > 0.5
    assert moved[2] > 0
    assert not page.run("auralize.state().following")
    nose, head = map_place(page, "nose"), map_place(page, "listener")
    page.drag([nose, (head[0] + 30, head[1] + 5), (head[0] + 60, head[1])])
    _, y, _, w = page.run("auralize.state().listener.turn")
    assert np.degrees(2 * np.arctan2(y, w)) == pytest.approx(-90, abs=3)  # to the right


def spot_of(page, *, somebody):
    """Return a place in the view where there is somebody to be dragged, or nobody."""
    return page.run(
        "(() => { const c = document.querySelector('#stage');"
        "for (let y = 100; y < 520; y += 20) for (let x = 60; x < 640; x += 20) {"
        "c.dispatchEvent(new PointerEvent('pointermove', {clientX: x, clientY: y}));"
        f"if (c.classList.contains('over') === {str(somebody).lower()})"
        " return [x + 8, y + 8]; } })()"
    )


@pytest.mark.parametrize("outside", [False, True])
def test_dragging_in_three_dimensions(page, outside):
    if outside:
        page.press("v")
        page.wait_for("auralize.state().outside")
    page.run("auralize.pause()")
    page.run("auralize.seek(0)")
    page.run("new Promise((done) => setTimeout(done, 400))")
    before = page.run("auralize.state()")
    found = spot_of(page, somebody=True)
    assert found is not None
    x, y = found
    page.drag([(x, y), (x + 30, y), (x + 90, y)])
    after = page.run("auralize.state()")
    places = [np.array([s["position"] for s in state["sources"]]) for state in (before, after)]
    moved = np.linalg.norm(places[1] - places[0], axis=1)
    listener = np.linalg.norm(
        np.subtract(after["listener"]["position"], before["listener"]["position"])
    )
    assert sorted([*moved, listener])[-1] > 0.1
    assert sorted([*moved, listener])[-2] == 0
    # Heights stay.
    np.testing.assert_allclose(places[1][:, 1], places[0][:, 1])


def test_looking_with_the_mouse(page):
    before = page.run("auralize.state().listener.turn")
    x, y = spot_of(page, somebody=False)
    page.drag([(x, y), (x + 50, y), (x + 120, y)])
    after = page.run("auralize.state().listener.turn")
    turned = 2 * np.degrees(np.arctan2(after[1], after[3]) - np.arctan2(before[1], before[3]))
    assert turned == pytest.approx(120 * np.degrees(0.0042), abs=1)  # the view follows the hand


def test_only_keys(browser, folder):
    page = browser.page()
    page.open(folder / "index.html")
    page.wait_for("document.activeElement.id === 'start'")
    page.press("Enter", text="\r")
    page.wait_for("auralize.state().state === 'playing'")
    page.press(" ", "Space", text=" ")
    page.wait_for("auralize.state().state === 'paused'")
    seen = []
    for _ in range(40):
        page.press("Tab")
        seen.append(
            page.run(
                "(() => { const e = document.activeElement; return [e.id, e.tagName,"
                "e.getAttribute('aria-label') || e.innerText || e.labels?.[0]?.innerText || '',"
                "getComputedStyle(e).outlineStyle]; })()"
            )
        )
    ids = {name for name, *_ in seen}
    assert {"stage", "map", "timeline", "play", "loop", "outside", "volume"} <= ids
    inside = [entry for entry in seen if entry[1] != "BODY"]
    assert all(label.strip() for _, _, label, _ in inside)
    assert all(outline != "none" for *_, outline in inside)
    # Walk with W: straight ahead, which is 20° to the left of the front.
    page.run("document.querySelector('#stage').focus()")
    before = np.array(page.run("auralize.state().listener.position"))
    page.send("Input.dispatchKeyEvent", type="keyDown", key="w", code="KeyW")
    page.run("new Promise((done) => setTimeout(done, 500))")
    page.send("Input.dispatchKeyEvent", type="keyUp", key="w", code="KeyW")
    way = np.array(page.run("auralize.state().listener.position")) - before
    assert np.linalg.norm(way) > 0.1
    np.testing.assert_allclose(
        world(way) / np.linalg.norm(way), [np.cos(np.pi / 9), np.sin(np.pi / 9), 0], atol=0.01
    )
    # The plan with arrows: the listener 10 cm to the right.
    page.run("document.querySelector('#map').focus()")
    while "You" not in page.run("document.querySelector('#said').textContent"):
        page.press("PageDown")
    before = np.array(page.run("auralize.state().listener.position"))
    page.press("ArrowRight")
    way = np.array(page.run("auralize.state().listener.position")) - before
    np.testing.assert_allclose(way, [0.1, 0, 0], atol=1e-9)
    assert "m to the" in page.run("document.querySelector('#said').textContent")
    page.press("?", "Slash", text="?", shift=True)
    assert page.run("document.querySelector('#help').open")
    page.press("Escape")
    assert not page.run("document.querySelector('#help').open")
    assert complaints(page) == []
    page.close()


def test_names_stay_names(browser, tmp_path):
    """Markup in names is shown as text, and runs nothing."""
    evil = '</script><img src=x onerror="window.hit=1"><script>window.hit=1</script>'
    soundfile.write(tmp_path / "a.wav", noise(1.0, 0), RATE_HZ, "FLOAT")
    (tmp_path / "scene.yaml").write_text(
        f"version: 1\ntitle: '{evil}'\nsample_rate_hz: {RATE_HZ}\nsources:\n"
        f"  - {{name: '{evil}', instrument: '<b>viola</b>', file: a.wav, position_m: [1, 0, 1]}}\n"
        "  - {name: 'نای ‮x', file: a.wav, position_m: [1, 1, 1]}\n",
        encoding="utf-8",
    )
    export(tmp_path / "scene.yaml", "web", tmp_path / "out")
    page = started(browser, tmp_path / "out")
    assert page.run("window.hit") is None
    assert page.run("document.querySelector('#title').textContent") == evil
    assert page.run("document.querySelector('.who b').textContent") == evil
    assert page.run("document.title") == evil
    assert page.run("document.images.length") == 0
    assert complaints(page) == []
    page.close()


def test_64_sources_and_a_path_of_one_key(browser, tmp_path):
    sources = [
        f"position_m: [{2 + 0.1 * i}, {i % 8 - 4}, 1.2]"
        if i % 2
        else f"keyframes: [{{time_s: 1, position_m: [{i % 7}, 2, 1]}}]"
        for i in range(64)
    ]
    out = exported(tmp_path, sources, seconds=0.5)
    page = started(browser, out)
    assert len(page.run("auralize.state()")["sources"]) == 64
    assert complaints(page) == []
    page.close()


def test_a_folder_of_media(browser, tmp_path):
    """Over a minute the page loads scripts beside it as it needs them; a missing one is named."""
    out = exported(tmp_path, ["position_m: [1, 0, 1]"], seconds=61.0)
    page = started(browser, out)
    assert all(url.startswith(out.as_uri()) for url in page.requests)
    assert len(page.requests) < 5
    page.run("auralize.seek(50)")
    page.wait_for("auralize.state().state === 'playing' && auralize.state().timeS > 50.2")
    assert complaints(page) == []
    (out / "media" / "sound3.js").unlink()
    page.run("auralize.seek(25)")
    page.wait_for("!document.querySelector('#notice').hidden")
    assert "media/sound3.js is missing" in page.run("document.querySelector('#notice').textContent")
    page.close()


def test_a_phone(browser, folder):
    page = browser.page(width=390, height=844, phone=True)
    page.open(folder / "index.html")
    page.click("#start")
    page.wait_for("auralize.state().state === 'playing'")
    wide = page.run("document.documentElement.scrollWidth")
    assert wide == 390
    boxes = page.run(
        "[...document.querySelectorAll('button, #timeline, #map')].filter((e) => e.offsetParent)"
        ".map((e) => { const b = e.getBoundingClientRect();"
        " return [e.id, b.left, b.top, b.right, b.bottom]; })"
    )
    for name, left, top, right, bottom in boxes:
        assert left >= 0, name
        assert top >= 0, name
        assert right <= 390, name
        assert bottom <= 844, name
        assert bottom - top >= 36, name
    page.click("#show-players")
    page.wait_for("document.querySelector('.mute').offsetParent !== null")
    page.click(".mute")
    assert page.run("auralize.state().sources[0].mute")
    page.close()


def test_the_scenes_listener_leads_until_one_walks(browser, tmp_path):
    keys = "[{time_s: 0}, {time_s: 2, position_m: [1, 0, 1.2], yaw_deg: 90}]"
    out = exported(
        tmp_path, ["position_m: [2, 0, 1.2]"], listener=f"{{keyframes: {keys}}}", seconds=2.0
    )
    page = started(browser, out)
    page.run("auralize.pause()")
    page.run("auralize.seek(1)")
    state = page.run("auralize.state()")
    np.testing.assert_allclose(world(state["listener"]["position"]), [0.5, 0, 1.2], atol=1e-3)
    half_way = [0, np.sin(np.pi / 8), 0, np.cos(np.pi / 8)]
    np.testing.assert_allclose(state["listener"]["turn"], half_way, atol=1e-4)
    assert state["following"]
    x, y = spot_of(page, somebody=False)
    page.drag([(x, y), (x + 50, y)])
    assert not page.run("auralize.state().following")
    page.click("#follow")
    assert page.run("auralize.state().following")
    page.close()


def test_the_built_page_is_that_of_its_sources(tmp_path):
    """`npm ci` and the build, from the committed lock file, give the committed page to the byte."""
    npm = shutil.which("npm")
    sources = Path(__file__).parents[2] / "scenes" / "page"
    if npm is None:
        pytest.skip("npm is not installed")
    copy = tmp_path / "page"
    shutil.copytree(sources, copy, ignore=shutil.ignore_patterns("node_modules"))
    fetched = subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=copy, capture_output=True)
    if fetched.returncode:
        pytest.skip(f"npm ci failed: {fetched.stderr.decode(errors='replace')[-200:]}")
    for step in (
        ["run", "check"],
        ["exec", "--", "node", "build.mjs", str(tmp_path / "page.html")],
    ):
        done = subprocess.run([npm, *step], cwd=copy, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page_text()


def test_a_headset(browser, folder):
    """Frames run in a WebXR session (of the emulator iwer), and the headset is the head."""
    emulator = Path(__file__).parent / "node_modules" / "iwer" / "build" / "iwer.min.js"
    if not emulator.is_file():
        pytest.skip("npm ci was not run in tests/clients (iwer is missing)")
    page = browser.page()
    page.before(
        emulator.read_text(encoding="utf-8")
        + "\nwindow.xr = new IWER.XRDevice(IWER.metaQuest3);"
        + "window.xr.installRuntime({forceInstall: true});"
    )
    page.open(folder / "index.html")
    page.click("#start")
    page.wait_for("auralize.state().state === 'playing'")
    page.wait_for("!document.querySelector('#vr').hidden")
    page.click("#vr")
    page.wait_for("auralize.state().headsetFrames > 5")
    # The room's own frame: 0.4 m to the right, 0.3 m back and 1.5 m up from where one stood.
    page.run("window.xr.position.set(0.4, 1.5, 0.3)")
    frames = page.run("auralize.state().headsetFrames")
    page.wait_for(f"auralize.state().headsetFrames > {frames + 3}")
    state = page.run("auralize.state()")
    left, ahead = np.radians(110), np.radians(20)  # turned 20° to the left
    wanted = np.array(LISTENER_M)
    wanted += -0.4 * np.array([np.cos(left), np.sin(left), 0])
    wanted += -0.3 * np.array([np.cos(ahead), np.sin(ahead), 0])
    wanted[2] = 1.5
    np.testing.assert_allclose(world(state["listener"]["position"]), wanted, atol=1e-3)
    # The emulator's canvas lies over the page, as a headset's picture does.
    page.run("document.querySelector('#vr').click()")
    page.wait_for("document.querySelector('#vr').getAttribute('aria-pressed') === 'false'")
    ended = page.run("auralize.state().listener.position")
    np.testing.assert_allclose(world(ended)[:2], wanted[:2], atol=1e-3)
    assert complaints(page) == []
    page.close()


def test_a_served_scene_reloads_when_it_changes(browser, tmp_path):
    exported(tmp_path, ["position_m: [1, 0, 1]"], seconds=1.0)
    path = tmp_path / "scene.yaml"
    with SceneServer(path) as server:
        page = browser.page()
        page.open(server.url)
        page.click("#start")
        page.wait_for("auralize.state().state === 'playing'")
        assert all(url.startswith(server.url) for url in page.requests)
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("title: T", "titel: U"), encoding="utf-8")
        page.wait_for("!document.querySelector('#notice').hidden")
        assert "titel" in page.run("document.querySelector('#notice').textContent")
        path.write_text(text.replace("title: T", "title: U"), encoding="utf-8")
        page.wait_for("document.title === 'U' && window.auralize")
        assert complaints(page) == []
        page.close()


def test_without_webgl_the_plan_and_the_sound_remain(browser, folder):
    page = browser.page()
    page.before("HTMLCanvasElement.prototype.getContext = ((get) => function (kind, ...more) {"
                "return kind.startsWith('webgl') ? null : get.call(this, kind, ...more); })"
                "(HTMLCanvasElement.prototype.getContext);")  # fmt: skip
    page.open(folder / "index.html")
    assert "WebGL" in page.run("document.querySelector('#notice').textContent")
    page.click("#notice-close")
    page.click("#start")
    page.wait_for("auralize.state().state === 'playing'")
    start, other = map_place(page, 0), map_place(page, 1)
    page.drag([start, other])
    state = page.run("auralize.state()")
    moved = np.subtract(state["sources"][0]["position"], state["sources"][1]["position"])
    assert np.abs(moved[[0, 2]]).max() < 0.05
    page.close()


def test_a_browser_that_is_too_old(browser, folder):
    page = browser.page()
    page.before("delete window.AudioContext;")
    page.open(folder / "index.html")
    assert "too old" in page.run("document.querySelector('#notice').textContent")
    assert page.run("document.querySelector('#start').hidden")
    page.close()


def test_the_sensors_of_a_phone(browser, folder):
    """Held upright, a quarter turn to the left is a quarter turn of the head to the left."""
    page = browser.page(width=390, height=844, phone=True)
    page.open(folder / "index.html")
    page.click("#start")
    page.wait_for("auralize.state().state === 'playing'")

    def hold(alpha, beta=90, gamma=0):
        page.send(
            "DeviceOrientation.setDeviceOrientationOverride", alpha=alpha, beta=beta, gamma=gamma
        )
        page.run("new Promise((done) => setTimeout(done, 400))")
        return np.array(page.run("auralize.state().listener.turn"))

    hold(30)
    page.click("#sensors")
    page.wait_for("document.querySelector('#sensors').getAttribute('aria-pressed') === 'true'")
    level = hold(30)
    np.testing.assert_allclose(level, [0, np.sin(np.pi / 18), 0, np.cos(np.pi / 18)], atol=1e-3)
    left = hold(120)
    yaw = np.radians(20 + 90) / 2
    np.testing.assert_allclose(left, [0, np.sin(yaw), 0, np.cos(yaw)], atol=1e-3)
    # Leaned back by 30°, it looks up.
    up = hold(10, beta=120)
    x, y, z, w = up
    assert 2 * (w * x - y * z) == pytest.approx(np.sin(np.radians(30)), abs=1e-3)
    page.click("#sensors")
    assert page.run("document.querySelector('#sensors').getAttribute('aria-pressed')") == "false"
    page.close()


def test_fingers_look_round(browser, folder):
    page = browser.page(width=390, height=844, phone=True)
    page.open(folder / "index.html")
    page.click("#start")
    page.wait_for("auralize.state().state === 'playing'")
    before = page.run("auralize.state().listener.turn")

    def touch(kind, *points):
        page.send(
            "Input.dispatchTouchEvent",
            type=kind,
            touchPoints=[{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(points)],
        )

    touch("touchStart", (60, 120))
    touch("touchMove", (90, 120))
    touch("touchMove", (140, 120))
    touch("touchEnd")
    after = page.run("auralize.state().listener.turn")
    turned = 2 * np.degrees(np.arctan2(after[1], after[3]) - np.arctan2(before[1], before[3]))
    assert turned > 10
    # Two fingers apart: forwards.
    ahead = page.run("auralize.state().listener.position")
    touch("touchStart", (150, 150), (170, 150))
    touch("touchMove", (120, 150), (200, 150))
    touch("touchMove", (90, 150), (230, 150))
    touch("touchEnd")
    walked = np.linalg.norm(np.subtract(page.run("auralize.state().listener.position"), ahead))
    assert walked > 0.5
    page.close()


def test_a_machine_without_a_sound_device(browser, folder):
    """The page opens all the same, and says what is missing."""
    page = browser.page()
    page.before(
        "AudioContext.prototype.resume = () => new Promise(() => {});"
        "Object.defineProperty(AudioContext.prototype, 'state', {get: () => 'suspended'});"
    )
    page.open(folder / "index.html")
    page.click("#start")
    page.wait_for("document.querySelector('#welcome').hidden")
    assert "starts no sound" in page.run("document.querySelector('#notice').textContent")
    page.close()
