"""The page of the audit: every finding with its effect and cure, most important first."""

import re
from html import escape

import audits
import pytest
import soundfile
from audits import audit, name


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
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.wav" in html
    assert not re.search(r"(src|href)=", html)


def test_what_was_not_found_is_told(page):
    _, html = page
    absent = html.partition("Checked and not found")[2]
    assert "The annotations are placeholders" in absent
    assert "Files without bytes or without samples" not in absent
