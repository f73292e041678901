"""The page of the audit: every finding with its effect and cure, most important first."""

import re
from html import escape

import audits
import pytest
import soundfile
from audits import audit, name

from resed.audit.finding_kinds import FINDING_KINDS
from resed.audit.page import page as render_page
from resed.formats.web_page import script


@pytest.fixture
def page(tmp_path):
    """A page with findings of all three levels, one of them about a hostile name."""
    small = audits.dataset()
    root = audits.make(tmp_path, small)
    weak = root / small.splits["weak"].audio
    for i in range(3):
        (weak / name("weak", i)).unlink()
    (weak / name("weak", 4)).write_bytes(b"")
    soundfile.write(weak / name("weak", 5), [0.1, -0.1] * 8000, 16000)
    hostile = "<script>alert(1)</script>.wav"
    with (root / small.splits["unlabeled"].annotations).open("a") as handle:
        handle.write(f"{hostile}\n")
    summary = audit(small, root, least={"unlabeled": 0.5})
    return summary, (root / "out/index.html").read_text(encoding="utf-8")


def test_findings_stand_there_with_effect_and_cure(page):
    summary, html = page
    levels = [one["level"] for one in summary["findings"]]
    assert levels == sorted(levels, key=["refusal", "warning", "note"].index)
    assert set(levels) == {"refusal", "warning", "note"}
    for one in summary["findings"]:
        assert escape(one["effect"]) in html
        assert escape(one["cure"]) in html
        assert f"({one['id']})" in html
    places = [html.index(title) for title in ("Refusals", "Warnings", "Notes")]
    assert places == sorted(places)
    assert "The dataset is refused: weak: too few usable clips: 8 of 12 (66.7 %" in html


def test_it_is_one_safe_file(page):
    _, html = page
    assert html.count("<script") == 1 and f"<script>{script()}</script>" in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.wav" in html
    ids = re.findall(r' id="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    for reference in re.findall(r"(?:src|href)=\"([^\"]*)\"", html):
        assert reference.startswith("#") and reference[1:] in ids, reference


def test_the_first_step_is_the_cure_of_the_first_refusal(page):
    summary, html = page
    urgent = [one for one in summary["findings"] if one["level"] != "note"]
    assert urgent[0]["level"] == "refusal"
    top = html[html.index("What to do first") : html.index('id="clips"')]
    cures = re.findall(r"<li><strong>([^<]*)</strong>", top)
    kinds = dict.fromkeys((one["level"], one["id"]) for one in urgent)
    first = {one["id"]: escape(one["cure"]) for one in reversed(urgent)}
    assert cures == [first[kind] for _, kind in kinds][:5]
    counts = [sum(one["count"] for one in urgent if one["id"] == kind) for _, kind in kinds]
    assert [int(n) for n in re.findall(r">(\d+) found</a>", top)] == counts[:5]


def test_a_dataset_without_findings_has_nothing_to_do(page):
    summary, _ = page
    small = audits.dataset()
    text = render_page(small, summary | {"findings": []})
    assert "No findings. Nothing has to be done." in text and "Warnings" not in text
    notes = [one for one in summary["findings"] if one["level"] == "note"]
    assert notes and "no finding requires a change" in render_page(
        small, summary | {"findings": notes}
    )


def test_it_links_the_report_of_its_run(page, tmp_path):
    summary, _ = page
    small = audits.dataset()
    assert "../report/index.html" in render_page(
        small, summary, tmp_path / "results" / "x" / "audit"
    )
    assert "../report" not in render_page(small, summary, tmp_path / "elsewhere")


def test_what_was_not_found_is_counted_not_listed(page):
    summary, html = page
    assert "Checked and not found" not in html
    assert "The annotations are placeholders" not in html
    found = {one["id"] for one in summary["findings"]}
    assert f"{len(FINDING_KINDS) - len(found)} of {len(FINDING_KINDS)} kinds of checks" in html
