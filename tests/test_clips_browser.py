"""The clip browser in a real browser, as files: sound, playhead, filters, lanes, keys."""

import os
import time

import pytest
from browser import Browser
from made_clips import make_run

from resed.browse.run_clips import RunClips
from resed.browse.write import write_page
from resed.config.stages import BrowseSettings

SYSTEMS = ["guided_learning", "pts", "pts_tfd", "pts_tfd_afl"]
FOCUSABLE = "a[href], button:not(:disabled), select, input, summary, audio"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    made = Browser(tmp_path_factory.mktemp("downloads"))
    yield made
    made.driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    results = make_run(tmp_path_factory.mktemp("clips"), SYSTEMS, clips=8)
    folder = results.folder / "report" / "clips"
    write_page(RunClips(results, folder), folder, BrowseSettings())
    return folder / "index.html"


@pytest.fixture(scope="module")
def data(browser, page):
    show(browser, page)
    return browser.run("return JSON.parse(document.getElementById('data').textContent)")


def choose(browser, name, value):
    browser.run(
        "const box = document.getElementById(arguments[0]); box.value = arguments[1];"
        "box.dispatchEvent(new Event('change'))",
        name,
        str(value),
    )


def listed(browser):
    return browser.run(
        "return Array.from(document.querySelectorAll('#clips button')).map("
        "(one) => one.firstChild.textContent)"
    )


def press(browser, *keys):
    browser.driver.switch_to.active_element.send_keys(*keys)


def at(browser):
    """Seconds of the sound, and the position of the playhead from 0 to 1."""
    return browser.run(
        "return [document.getElementById('sound').currentTime,"
        "Number(document.getElementById('view').style.getPropertyValue('--at'))]"
    )


def wait(browser, condition):
    """Wait until a script is true; whether it became so."""
    for _ in range(200):
        if browser.run(f"return Boolean({condition})"):
            return True
        time.sleep(0.1)
    return False


SOUND = "document.getElementById('sound')"
PLAYHEAD = "Number(document.getElementById('view').style.getPropertyValue('--at'))"


def show(browser, path, fragment="", screen="desktop", scheme="light"):
    """Open a page and wait until its script has listed the clips."""
    browser.look(screen, scheme)
    browser.open(path, fragment)
    assert wait(browser, "document.getElementById('count').textContent"), browser.problems()


def test_sound_plays_and_the_playhead_moves_in_step(browser, page):
    show(browser, page)
    browser.driver.find_element("id", "play").click()
    assert wait(browser, f"{SOUND}.currentTime > 0.5"), browser.problems()
    assert browser.run(f"return {SOUND}.src").startswith("file:")
    first = at(browser)
    assert wait(browser, f"{SOUND}.currentTime > {first[0]} + 0.5")
    browser.driver.find_element("id", "play").click()
    assert browser.run(f"return {SOUND}.paused")
    assert wait(browser, f"Math.abs({SOUND}.currentTime / 10 - {PLAYHEAD}) < 0.01")
    moved = browser.run(
        "const box = document.querySelector('#playhead div').getBoundingClientRect();"
        "const track = document.getElementById('track').getBoundingClientRect();"
        "return (box.left - track.left) / track.width"
    )
    assert moved == pytest.approx(at(browser)[1], abs=0.01) and moved > 0.09
    assert browser.problems() == []


def test_without_motion_the_playhead_follows_the_sound(browser, page):
    browser.look("desktop", "light")
    browser._do(
        "Emulation.setEmulatedMedia",
        features=[{"name": "prefers-reduced-motion", "value": "reduce"}],
    )
    browser.open(page)
    browser.run(
        "window.frames_ = 0; const own = requestAnimationFrame;"
        "window.requestAnimationFrame = (act) => { window.frames_ += 1; return own(act); }"
    )
    browser.driver.find_element("id", "play").click()
    assert wait(browser, f"{PLAYHEAD} > 0.05")
    browser.driver.find_element("id", "play").click()
    assert browser.run("return window.frames_") == 0


def test_filters_list_the_clips_with_such_events(browser, page, data):
    show(browser, page)
    assert listed(browser) == [one["name"] for one in data["clips"]]
    for system in range(len(SYSTEMS)):
        for kind in range(4):
            for label in (-1, 2):
                for group in (-1, 1):
                    values = {"system": system, "kind": kind, "class": label, "group": group}
                    for name, value in values.items():
                        choose(browser, name, value)
                    expected = [
                        one["name"]
                        for one in data["clips"]
                        if group in (-1, one["group"]) and has(one, system, kind, label)
                    ]
                    assert listed(browser) == expected, values
    assert f"{len(expected)} of {len(data['clips'])} clips" == (
        browser.driver.find_element("id", "count").text
    )


def has(clip, system, kind, label):
    """Whether a clip has an event of a kind and class (-1: any) for a system."""
    if kind == 3:
        events, kinds = clip["lanes"][system], clip["kinds"][system]
    else:
        events, kinds = clip["reference"], clip["reference_kinds"][system]
    pairs = zip(events, kinds, strict=True)
    return any(k == kind and label in (-1, event[0]) for event, k in pairs)


def test_the_line_of_totals_counts_all_clips(browser, page, data):
    show(browser, page)
    for name, value in {"system": 1, "class": 3, "group": 1, "kind": -1}.items():
        choose(browser, name, value)
    counts = data["totals"][1][1]["counts"][3]
    words = [f"{count} {kind}" for count, kind in zip(counts, data["kinds"], strict=True)]
    line = browser.driver.find_element("id", "totals").text
    assert line.endswith(f"all 8 clips of evaluation: {', '.join(words)}.")
    assert line.startswith(f"{data['systems'][1]}, Dishes, ")


def test_the_best_system_is_shown_first(browser, page, data):
    show(browser, page)
    f1 = []
    for system in range(len(SYSTEMS)):
        sums = [sum(row[kind] for group in data["totals"] for row in group[system]["counts"])
                for kind in range(4)]  # fmt: skip
        f1.append(2 * sums[0] / (2 * sums[0] + 2 * sums[1] + sums[2] + sums[3]))
    assert int(browser.run("return document.getElementById('system').value")) == f1.index(max(f1))


def test_lanes_have_the_events_of_up_to_three_systems(browser, page, data):
    show(browser, page, "#system=0&second=2&third=3&clip=5")
    heads = [one.text for one in browser.driver.find_elements("css selector", ".lane h3")]
    titles = [data["systems"][number] for number in (0, 2, 3)]
    assert [head.split(" – ")[0] for head in heads] == ["Reference", *titles]
    clip = data["clips"][5]
    missed = [kinds.count(2) for kinds in clip["reference_kinds"]]
    blocks = "return Array.from(document.querySelectorAll('.lane')).map((lane) => " \
        "lane.querySelectorAll('.event').length)"  # fmt: skip
    expected = [len(clip["lanes"][n]) + missed[n] for n in (0, 2, 3)]
    assert browser.run(blocks) == [len(clip["reference"]), *expected]
    box = browser.run(
        "const track = document.getElementById('track').getBoundingClientRect();"
        "return Array.from(document.querySelectorAll('.lane.reference .event')).map((one) => {"
        "const box = one.getBoundingClientRect();"
        "return [(box.left - track.left) / track.width, (box.right - track.left) / track.width]; })"
    )
    places = sorted((event[1] / 10, event[2] / 10) for event in clip["reference"])
    for found, (onset, offset) in zip(sorted(box), places, strict=True):
        assert found[0] == pytest.approx(onset, abs=0.004)
        assert found[1] == pytest.approx(offset, abs=0.012)  # short events are a bit wider


def test_posteriors_are_drawn_on_demand(browser, page, data):
    show(browser, page, "#system=1&clip=3")
    paths = "return document.querySelectorAll('#lanes path').length"
    assert browser.run(paths) == 0
    press(browser, "c")
    curves = data["clips"][3]["curves"][str(data["curve_of"][1])]["values"]
    assert browser.run(paths) == len(curves) > 0
    highest = browser.run(
        "return Math.min(...document.querySelector('#lanes path').getAttribute('d')"
        ".match(/L[^ ]+ ([0-9.]+)/g).map((part) => Number(part.split(' ')[1])))"
    )
    assert highest == pytest.approx(0.1, abs=0.01), "posterior 0.9"
    press(browser, "c")
    assert browser.run(paths) == 0


def test_keys(browser, page):
    from selenium.webdriver.common.keys import Keys

    show(browser, page)
    names = listed(browser)
    name = "return document.getElementById('name').textContent"
    press(browser, "n")
    press(browser, "n")
    assert browser.run(name) == names[2]
    press(browser, "p")
    assert browser.run(name) == names[1]
    press(browser, " ")
    assert wait(browser, f"!{SOUND}.paused && {SOUND}.currentTime > 0.2")
    press(browser, " ")
    assert wait(browser, f"{SOUND}.paused")
    event = "return document.getElementById('event').textContent"
    before = browser.run(event)
    press(browser, Keys.ARROW_RIGHT)
    if browser.run(event) == before:
        press(browser, Keys.ARROW_LEFT)
    assert browser.run(event) != before
    browser.run(
        "document.querySelector('details.section').open = true;"
        "document.getElementById('keys').click(); document.activeElement.blur()"
    )
    press(browser, "n")
    assert browser.run(name) == names[1], "letters are switched off"


def test_an_event_is_looped(browser, page, data):
    number, clip = next(
        (number, one)
        for number, one in enumerate(data["clips"])
        if any(event[2] - event[1] < 1 and event[1] > 1 for event in one["reference"])
    )
    event = next(one for one in clip["reference"] if one[2] - one[1] < 1 and one[1] > 1)
    show(browser, page, f"#clip={number}")
    words = f"{event[1]:.2f} to {event[2]:.2f} s, reference"
    browser.driver.find_element("css selector", f"[aria-label$='{words}']").click()
    assert at(browser)[0] == pytest.approx(event[1] - 0.15, abs=0.05)
    browser.run(
        "window.back = 0; window.last = 0; window.most = 0;"
        f"{SOUND}.addEventListener('timeupdate', () => {{ const now = {SOUND}.currentTime;"
        "if (now < window.last - 0.2) window.back += 1;"
        "window.last = now; window.most = Math.max(window.most, now); })"
    )
    press(browser, "l")
    assert wait(browser, "window.back >= 2")
    assert browser.run("return window.most") < event[2] + 1.0
    press(browser, " ")
    assert browser.problems() == []


def test_the_keyboard_reaches_everything(browser, page):
    from selenium.webdriver.common.keys import Keys

    show(browser, page)
    browser.run("document.querySelector('details.section').open = true")
    count = browser.run(
        "return Array.from(document.querySelectorAll(arguments[0]))"
        ".filter((one) => one.checkVisibility() && one.getClientRects().length).length",
        FOCUSABLE,
    )
    reached = set()
    for _ in range(count + 12):  # the player has several controls
        press(browser, Keys.TAB)
        reached.add(browser.run("""
            const one = document.activeElement; const all = document.querySelectorAll(arguments[0]);
            return Array.from(all).indexOf(one);""", FOCUSABLE))  # fmt: skip
    assert len(reached - {-1}) == count > 30


def test_the_address_keeps_what_is_shown(browser, page):
    show(browser, page)
    for name, value in {"system": 2, "class": 1, "kind": 2, "group": 1, "second": 0}.items():
        choose(browser, name, value)
    address = browser.run("return location.href")
    shown = browser.run("return document.querySelector('.browser').innerText")
    show(browser, page, address[address.index("#") :])
    assert browser.run("return document.querySelector('.browser').innerText") == shown


def test_a_sound_that_is_not_there_is_named(browser, page, tmp_path):
    import shutil

    browser.look("desktop", "light")
    shutil.copy(page, tmp_path / "alone.html")
    browser.open(tmp_path / "alone.html")
    assert wait(browser, "document.getElementById('silent').textContent.includes('media/001.ogg')")
    browser.problems()  # the console names the files that are missing


def test_detected_events_have_a_page(browser, tmp_path):
    import numpy as np
    import soundfile
    from test_browse import detected

    from resed.browse.detected_clips import DetectedClips

    soundfile.write(tmp_path / "a.wav", 0.1 * np.sin(np.arange(25 * 44100) / 20), 44100)
    events = {"a.wav": [(1.0, 2.0, "Dog"), (12.0, 13.5, "Cat")]}
    folder = detected(tmp_path, events)
    out = folder / "page"
    write_page(DetectedClips(folder, out), out, BrowseSettings())
    for screen, scheme in (("desktop", "light"), ("phone", "dark")):
        show(browser, out / "index.html", "", screen, scheme)
        assert browser.accessibility() == [] and browser.problems() == []
    assert listed(browser)[:2] == ["a.wav, 0:00 to 0:10", "a.wav, 0:10 to 0:20"]
    choose(browser, "class", 0)  # of a journal, by name: Cat, Dog
    assert listed(browser) == ["a.wav, 0:10 to 0:20"]
    assert "Cat, 12.00 to 13.50 s, detected" in browser.driver.find_element("id", "event").text
    browser.driver.find_element("id", "play").click()
    assert wait(browser, f"{SOUND}.currentTime > 0.3")


def test_a_page_of_many_clips_opens_fast(browser, many):
    """The time from the request to the end of the load event, without the start of the browser."""
    browser.look("desktop", "light")
    seconds = []
    for _ in range(3):
        browser.open(many)
        timing = "const t = performance.getEntriesByType('navigation')[0]; return t.loadEventEnd"
        seconds.append(browser.run(timing) / 1000)
    clips = len(listed(browser))
    size = many.stat().st_size / 1e6
    waiting = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))  # of each process for a core
    print(f"{clips} clips, {size:.1f} MB: open after {min(seconds):.2f} s (load {waiting:.1f})")
    assert clips == 200 and min(seconds) <= 2 * waiting


@pytest.fixture(scope="module")
def many(page, tmp_path_factory):
    """A page of 200 clips and 16 systems, made of the clips of a small one."""
    import json
    import re

    text = page.read_text(encoding="utf-8")
    found = re.search(r'(id="data">)(.*?)(</script>)', text, re.DOTALL)
    values = json.loads(found[2])
    clips = (values["clips"] * 13)[:200]
    repeat = 16 // len(SYSTEMS)
    for key in ("systems", "curve_of"):
        values[key] = values[key] * repeat
    values["totals"] = [group * repeat for group in values["totals"]]
    for clip in values["clips"]:
        for key in ("lanes", "kinds", "reference_kinds"):
            clip[key] = clip[key] * repeat
        own = clip["curves"]
        clip["curves"] = {
            str(number): next(iter(own.values())) for number in range(16)
        }  # each has one
    values["curve_of"] = list(range(16))
    values["clips"] = clips
    made = tmp_path_factory.mktemp("many") / "index.html"
    safe = json.dumps(values).replace("<", "\\u003c")
    made.write_text(text[: found.start(2)] + safe + text[found.end(2) :], encoding="utf-8")
    return made
