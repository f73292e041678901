"""The pages of a run in a real browser, as files: phone and desktop, light and dark."""

import shutil
import time

import pytest
from browser import SCHEMES, SCREENS, Browser
from made_clips import make_run
from made_page import make_page_input
from made_results import REPOSITORY

from resed.audit.page import page as audit_page
from resed.browse.run_clips import RunClips
from resed.browse.write import write_page
from resed.config.dataset import load_dataset
from resed.config.stages import BrowseSettings
from resed.report import render

SYSTEMS = ["guided_learning", "pts", "pts_tfd", "pts_tfd_afl", "pts_tfd_afl_esp"]
FINDING = {"published_in": "", "effect": "Classes are not trained.", "cure": "Add clips."}
FINDING |= {"count": 2, "detail": "crackle", "examples": ["a.wav", "b.wav"]}
FOCUSABLE = "a[href], button, input, summary, [tabindex='0']"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """results/made with the report, the audit page and the clip browser."""
    results = make_run(tmp_path_factory.mktemp("pages"), SYSTEMS, clips=8, seeds=2)
    make_page_input(results)
    audit = results.folder / "audit"
    (audit / "index.html").write_text(audit_page(load_dataset("demo", REPOSITORY), _audit(), audit))
    clips = results.folder / "report" / "clips"
    write_page(RunClips(results, clips), clips, BrowseSettings())
    (results.folder / "report" / "index.html").write_text(render(results))
    return results.folder


def _audit():
    """The content of audit.json, with a refusal, a warning and a note."""
    split = {
        "clips": 4,
        "usable": 3,
        "official": 4,
        "paper": None,
        "least": 0.9,
        "hours": 0.01,
        "seconds": {"shortest": 1.0, "median": 2.0, "longest": 3.0},
        "rates": {"44100": 3},
        "channels": {"1": 3},
        "annotations": {},
        "classes": {},
        "version": {"rows": 4, "version": None, "by": None, "sha256": "0" * 64},
    }
    kinds = (("too_few", "refusal"), ("class_absent", "warning"), ("class_absent", "note"))
    findings = [FINDING | {"id": n, "level": k, "split": "weak", "what": "Few"} for n, k in kinds]
    problems = [{"split": "weak", "filename": f"{n}.wav", "status": "missing"} for n in range(7)]
    return {
        "go": False,
        "ok": 3,
        "clips": 4,
        "manifest_sha256": "0" * 64,
        "resed": "0.1.0",
        "splits": {"weak": split},
        "findings": findings,
        "problems": problems,
    }


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    made = Browser(tmp_path_factory.mktemp("downloads"))
    yield made
    made.driver.quit()


CLIPS = "report/clips/index.html"
PAGES = ("report/index.html", "audit/index.html", CLIPS)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_sound_on_every_screen(browser, folder, page, screen, scheme):
    """No message in the console, no request, nothing beside the screen, no serious finding."""
    browser.look(screen, scheme)
    browser.open(folder / page)
    closed = browser.run("return document.body.innerText.split(/\\s+/).length")
    sections = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
    beside = "return document.documentElement.scrollWidth - window.innerWidth"
    assert browser.run(beside) <= 0
    browser.run(sections)
    assert browser.run(beside) <= 0
    background = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, background[4:-1].split(","))) < 300) == (scheme == "dark"), background
    found = browser.accessibility()
    print(f"{page}, {screen}, {scheme}: {closed} words, {len(found)} serious findings of axe-core")
    assert found == []
    assert browser.problems() == []


def test_pages_lead_to_each_other(browser, folder):
    browser.look("desktop", "light")
    browser.open(folder / "report/index.html")
    browser.driver.find_element("link text", "Audit of the data").click()
    assert browser.driver.title == "Audit of demo"
    browser.driver.find_element("partial link text", "Report").click()
    assert "sound event detection" in browser.driver.title
    browser.driver.find_element("link text", "Listen to the clips").click()
    assert browser.driver.title == "Clips of Made-up results"
    browser.driver.find_element("link text", "Audit of the data").click()
    assert browser.driver.title == "Audit of demo"
    browser.open(folder / CLIPS)
    browser.driver.find_element("link text", "Report").click()
    assert "sound event detection" in browser.driver.title


def column(browser, table, index):
    """The texts of a column in their order on the page, without hidden rows."""
    return browser.run(
        "return Array.from(document.querySelector(arguments[0]).tBodies[0].rows)"
        ".filter((row) => !row.hidden && !row.classList.contains('heading'))"
        ".map((row) => row.cells[arguments[1]].querySelector('.text')?.innerText"
        " ?? row.cells[arguments[1]].innerText)",
        table,
        index,
    )


def test_tables_sort_by_value_and_by_text(browser, folder):
    browser.look("desktop", "light")
    browser.open(folder / "report/index.html")
    before = column(browser, ".overview", 1)
    head = browser.driver.find_elements("css selector", ".overview thead th button")
    head[1].click()
    falling = [float(text) for text in column(browser, ".overview", 1)]
    assert falling == sorted(falling, reverse=True) and len(falling) == len(before)
    head[1].click()
    rising = [float(text) for text in column(browser, ".overview", 1)]
    assert rising == sorted(rising)
    sort = browser.run("return document.querySelector('.overview [aria-sort]').ariaSort")
    assert sort == "ascending"
    head[0].click()
    names = column(browser, ".overview", 0)
    order = "return Array.from(arguments[0]).sort((a, b) => a.localeCompare(b))"
    assert names == browser.run(order, [name.lower() for name in names]) or [
        name.lower() for name in names
    ] == browser.run(order, [name.lower() for name in names])


def test_tables_filter_by_all_words(browser, folder):
    browser.look("desktop", "light")
    browser.open(folder / "report/index.html", "#per_class")
    table = "#per_class table.sortable"
    every = len(column(browser, table, 0))
    field = browser.driver.find_element("css selector", "#per_class .filter input")
    field.send_keys("dog afl")
    assert column(browser, table, 0) == ["Dog", "Dog"]
    count = browser.driver.find_element("css selector", "#per_class .filter output").text
    assert count == f"2 of {every}" and every == 5 * len(SYSTEMS)
    field.clear()
    field.send_keys(" ")
    assert len(column(browser, table, 0)) == every


def test_a_deep_link_opens_its_section(browser, folder):
    browser.look("desktop", "light")
    visible = (
        "const box = document.getElementById(arguments[0]).getBoundingClientRect();"
        "return box.height > 0 && box.top >= 0 && box.top < innerHeight"
    )
    browser.open(folder / "report/index.html", "#table1-pts_tfd")
    assert browser.run(visible, "table1-pts_tfd")
    browser.open(folder / "report/index.html")
    assert not browser.run("return document.getElementById('claims').open")
    browser.driver.find_element("css selector", ".findings a[href^='#claims-']").click()
    assert browser.run("return document.getElementById('claims').open")
    target = browser.run("return location.hash.slice(1)")
    assert browser.run(visible, target)
    browser.run("document.getElementById('claims').open = false; scrollTo(0, 0)")
    browser.driver.find_element("css selector", f".findings a[href='#{target}']").click()
    assert browser.run(visible, target), "the same link once more"


def test_the_keyboard_reaches_everything(browser, folder):
    from selenium.webdriver.common.keys import Keys

    browser.look("desktop", "light")
    browser.open(folder / "report/index.html")
    count = browser.run(
        "return Array.from(document.querySelectorAll(arguments[0]))"
        ".filter((one) => one.checkVisibility() && one.getClientRects().length).length",
        FOCUSABLE,
    )
    reached = set()
    for _ in range(count):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(browser.driver.switch_to.active_element.id)
    assert len(reached) == count > 20
    browser.run("document.querySelector('#comparisons > summary').focus()")
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.run("return document.getElementById('comparisons').open")
    browser.run("document.querySelector('#open-all').focus()")
    browser.driver.switch_to.active_element.send_keys(Keys.SPACE)
    assert (
        browser.run("return document.querySelectorAll('details.section:not([open])').length") == 0
    )


def test_a_table_is_saved_as_csv(browser, folder):
    browser.look("desktop", "light")
    browser.open(folder / "report/index.html", "#comparisons")
    saved = browser.folder / "comparisons.csv"
    browser.driver.find_element("css selector", "a[data-csv='comparisons.csv']").click()
    for _ in range(100):
        if saved.is_file() and not list(browser.folder.glob("*.crdownload")):
            break
        time.sleep(0.2)
    assert saved.read_bytes() == (folder / "tables" / "comparisons.csv").read_bytes()


def test_a_page_moves_alone(browser, folder, tmp_path):
    """The report works without the files beside it."""
    browser.look("desktop", "light")
    shutil.copy(folder / "report/index.html", tmp_path / "moved.html")
    browser.open(tmp_path / "moved.html", "#figures")
    broken = "return Array.from(document.images).filter((one) => !one.naturalWidth).length"
    assert browser.run("return document.images.length") > 3 and browser.run(broken) == 0
    assert browser.problems() == []
