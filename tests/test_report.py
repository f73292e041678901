"""The page: whole in itself, honest at its top, the same bytes on a second run."""

import json
import re
from html.parser import HTMLParser

import pytest
from made_results import MANIFEST, make_results, make_root
from typer.testing import CliRunner

from resed.cli import app
from resed.draw import FIGURES
from resed.errors import MissingFileError, ResultsError
from resed.report import facts, render
from resed.results import Results

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360"
    "f8cf500f0003860180 5a347d6b0000000049454e44ae426082".replace(" ", "")
)


def made(root, clips=8, **options):
    config = make_root(root, **options)
    results = Results.of(config, make_results(config, clips=clips))
    (results.folder / "figures").mkdir()
    for name in FIGURES:  # how figures look is test_draw's business
        (results.folder / "figures" / f"{name}.png").write_bytes(PIXEL)
    return results


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return made(tmp_path_factory.mktemp("made"), override={"model": {"width": 0.1}})


@pytest.fixture(scope="module")
def page(results):
    return render(results)


class Reader(HTMLParser):
    """Collects what a page refers to, its ids and its headings, and checks that tags close."""

    VOID = ("meta", "img", "br", "link", "input", "hr")

    def __init__(self, text):
        super().__init__()
        self.references, self.ids, self.open = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.references += [values[key] for key in ("src", "href") if key in values]
        if "id" in values:
            assert values["id"] not in self.ids, f"id {values['id']} stands twice"
            self.ids.add(values["id"])
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else(page):
    reader = Reader(page)
    assert reader.open == []
    for reference in reader.references:
        assert reference.startswith(("data:", "#")), reference[:80]
        if reference.startswith("#"):
            assert reference[1:] in reader.ids
    assert "@import" not in page and "url(" not in page and "<script" not in page


def test_the_same_results_give_the_same_page(results, page):
    assert render(results) == page


def test_the_top_says_whose_numbers_these_are(page):
    assert "These are not the paper&#39;s numbers" in page or "not the paper's numbers" in page
    assert page.index("Numbers made up to test") < page.index("<nav")
    for fact in (MANIFEST, "Python 3", "torch ", "sed_eval ", "librosa ", "snakemake ", "resed 0"):
        assert fact in page
    assert "not a git checkout" in page


def test_tables_figures_windows_and_settings_are_there(page):
    for name in FIGURES:
        assert f'id="{name}"' in page
    assert "42.0 / 39.4" in page and "the reference itself" in page
    assert "Alarm bell ringing" in page and "Alarm_bell_ringing" not in re.sub(
        r"data:[^\"]*", "", page
    )
    assert "<code>model.width: 0.1</code>" in page
    assert "the checkpoint of PTS+TFD+AFL" in page
    assert "In Table 1 PTS has" in page.replace("in Table 1 PTS has", "In Table 1 PTS has")


def test_what_was_not_run_is_listed(results):
    listed = "\n".join(facts.not_run(results))
    assert "The paper's data (dcase2019): this run is on made." in listed
    assert "no system of this repository" not in listed
    assert "Table 2, section 3.3.2" in listed and "PTS+TFD, literal reading" in listed
    assert "More than one seed" in listed


def test_clips_are_those_of_the_audit(results):
    path = results.folder / "audit" / "manifest.tsv"
    before = path.read_text()
    path.write_text(before.replace("10.0\tok", "10.0\tmissing", 1))
    try:
        weak, *others = facts.splits(results)
    finally:
        path.write_text(before)
    assert (weak.role, weak.clips, weak.unusable, weak.paper) == ("weak", 7, 1, 1473)
    assert [split.clips for split in others] == [8, 8, 8, 8]


def test_settings_shared_by_all_stand_apart(results):
    shared, systems = facts.systems(results)
    assert shared == ("model.width: 0.1",)
    own = {system.name: system.own for system in systems}
    assert own["pts"] == () and own["pts_without_bgru"] == ("model.recurrent.enabled: false",)
    assert json.loads(systems[0].all_settings)["model"]["width"] == 0.1


def test_fewer_systems_give_a_shorter_page(tmp_path):
    text = render(made(tmp_path, systems=["pts"]))
    reader = Reader(text)
    assert "table3" not in reader.ids and "figure6" not in reader.ids
    assert "Table 3: needs the systems of row 8 and 9 of Table 1." in text
    for reference in reader.references:
        assert not reference.startswith("#") or reference[1:] in reader.ids


def test_text_of_the_config_is_escaped(tmp_path):
    results = made(tmp_path, systems=["pts"])
    path = tmp_path / "config" / "datasets" / "made.yaml"
    path.write_text(path.read_text().replace("Made-up results", "<script>alert(1)</script>"))
    results.config.__dict__.pop("dataset_file", None)
    text = render(results)
    assert "<script" not in text and "&lt;script&gt;" in text


def test_scores_of_another_audit_are_refused(tmp_path):
    results = made(tmp_path, systems=["pts"])
    (results.folder / "audit" / "audit.json").write_text(json.dumps({"manifest_sha256": "e" * 64}))
    with pytest.raises(ResultsError, match="manifest eeeeeeeeeeee, but the scores rest on 01234"):
        render(results)


def test_a_missing_figure_is_named(tmp_path):
    results = made(tmp_path, systems=["pts"])
    (results.folder / "figures" / "figure7.png").unlink()
    with pytest.raises(MissingFileError, match="run resed draw --figure figure7"):
        render(results)


def test_command(results, page, tmp_path):
    arguments = ["report", "--results", str(results.folder), "--out", str(tmp_path / "i.html")]
    arguments += ["--config-json", results.config.model_dump_json()]
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 0, run.output
    assert (tmp_path / "i.html").read_text() == page
