"""The page: whole in itself, honest at its top, the same bytes on a second run."""

import base64
import csv
import io
import json
import re
from collections import Counter
from html.parser import HTMLParser

import pytest
from made_results import MANIFEST, make_results, make_root
from runs import REPOSITORY
from typer.testing import CliRunner

from resed.cli import app
from resed.draw.inputs import BUILT_IN
from resed.errors import AlteredError, MissingFileError, ResultsError
from resed.paper.numbers import load_paper
from resed.report import anchors, facts, page, render
from resed.report import not_run as gaps
from resed.results.folder import Results
from resed.runtime import checksums
from resed.tabulate import TABLES

FIGURES = [*load_paper("liang", REPOSITORY).figures, *BUILT_IN]
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360"
    "f8cf500f0003860180 5a347d6b0000000049454e44ae426082".replace(" ", "")
)


def made(root, clips=8, readings=False, **options):
    config = make_root(root, **options)
    results = Results.of(config, make_results(config, clips, readings))
    (results.folder / "figures").mkdir()
    for name in FIGURES:  # test_draw tests the figures themselves
        (results.folder / "figures" / f"{name}.png").write_bytes(PIXEL)
    return results


STUDY = {"report": True, "seeds": 2, "readings": ["tfd.literal", "filter.none"]}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """All systems, one seed, no study of readings."""
    return made(tmp_path_factory.mktemp("made"), override={"model": {"width": 0.1}})


@pytest.fixture(scope="module")
def text(results):
    return render(results)


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """All systems, two seeds, the study of readings, more clips: claims that are decided."""
    folder = tmp_path_factory.mktemp("several")
    return made(folder, clips=30, readings=True, seeds=2, sensitivity=STUDY)


@pytest.fixture(scope="module")
def reader(several):
    return Reader(render(several))


class Reader(HTMLParser):
    """Collects what a page refers to, its ids and links, and checks that tags close.

    `links` are (id of the element that a link stands in, href): the nearest one with an id.
    """

    VOID = ("meta", "img", "br", "link", "input", "hr")

    def __init__(self, text):
        super().__init__()
        self.references, self.ids, self.open, self.links = [], set(), [], []
        self.inside, self.words = [""], {}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.references += [values[key] for key in ("src", "href") if key in values]
        if "href" in values:
            self.links.append((self.inside[-1], values["href"]))
        if tag not in self.VOID:
            self.inside.append(values.get("id") or self.inside[-1])
        if "id" in values:
            assert values["id"] not in self.ids, f"id {values['id']} stands twice"
            self.ids.add(values["id"])
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.inside.pop()

    def handle_data(self, data):
        self.words[self.inside[-1]] = self.words.get(self.inside[-1], "") + data

    def of(self, anchor):
        """Where the links of an element lead."""
        return [href.removeprefix("#") for place, href in self.links if place == anchor]


def check_links(reader):
    assert reader.open == []
    for reference in reader.references:
        assert reference.startswith(("data:", "#")), reference[:80]
        if reference.startswith("#"):
            assert reference[1:] in reader.ids, reference


def test_the_page_needs_nothing_else(text, reader):
    check_links(Reader(text))
    check_links(reader)
    assert "@import" not in text and "url(" not in text and "<script" not in text


def test_the_same_results_give_the_same_page(results, text):
    assert render(results) == text


def test_the_verdict_counts_what_the_tables_hold(several, reader):
    for name, column in (("claims", "here"), ("scorecard", "verdict")):
        counts = Counter(record[column] for record in TABLES[name](several).records)
        top = [anchor for anchor in reader.of("verdict") if anchor.startswith(f"{name}-")]
        tiles = {}
        for anchor in dict.fromkeys(top):
            word = anchor.removeprefix(f"{name}-").replace("-", " ")
            tiles[word] = counts[word]
            assert f" {counts[word]}" in reader.words["verdict"]
        assert sum(tiles.values()) == sum(counts.values()) and len(tiles) == 4


def test_every_verdict_leads_to_its_rows(several, reader):
    claims = Counter(record["here"] for record in TABLES["claims"](several).records)
    for word, count in claims.items():
        heading = reader.words["claims-" + word.replace(" ", "-")]
        assert re.search(rf"\b{count} of {sum(claims.values())}\b", " ".join(heading.split()))
    numbers = Counter(record["verdict"] for record in TABLES["scorecard"](several).records)
    for word, count in numbers.items():
        told = " ".join(reader.words["scorecard-" + word.replace(" ", "-")].split())
        assert told.startswith(f"Only the {count} numbers with the verdict {word}")
    assert len(numbers) >= 3 and len(claims) == 4


def test_the_scorecard_has_every_number_once(several):
    text = render(several)
    rows = re.findall(r'<tr class="(within|above|below|not-run)">', text)
    records = TABLES["scorecard"](several).records
    assert Counter(rows) == Counter(record["verdict"].replace(" ", "-") for record in records)


def test_evidence_is_two_clicks_away(several, reader):
    """From the verdict to a claim, from its evidence to the rows that it rests on."""
    for record in TABLES["claims"](several).records:
        assert reader.of(f"claim-{record['id']}"), record["id"]
    assert anchors.comparison(6, 3) in reader.of("claim-tfd_over_pts")
    assert anchors.row(6) in reader.of("claim-tfd_over_pts")
    words = " ".join(reader.words[anchors.row(6)].split())
    assert words.startswith("6 PTS+TFD development")
    assert " ".join(reader.words[anchors.comparison(6, 3)].split()).startswith("6 vs 3 PTS+TFD PTS")
    assert "8 vs 6" not in reader.words[anchors.comparison(6, 3)]
    readings = [r["id"] for r in TABLES["claims"](several).records if "filter" in r["id"]]
    assert anchors.stage(15, 2, "printed") in reader.ids
    assert readings or "sensitivity-filter.none" in reader.ids


def test_contents_lead_to_every_section(reader):
    contents = [href.removeprefix("#") for place, href in reader.links if not place]
    assert contents and set(contents) <= reader.ids
    assert contents[: len(contents) // 2] == contents[len(contents) // 2 :], "wide and narrow"
    sections = ("verdict", "tables", "letter", "figures", "scorecard", "claims", "comparisons")
    sections += ("contradictions", "readings", "sensitivity", "run", "settings", "not-run")
    assert [anchor for anchor in contents if anchor in sections] == 2 * list(sections)


def test_every_table_comes_as_csv(several):
    text = render(several)
    files = dict(re.findall(r'download="(\w+)\.csv" href="data:text/csv;base64,([^"]*)"', text))
    assert set(files) == set(TABLES)
    for name, content in files.items():
        rows = list(csv.DictReader(io.StringIO(base64.b64decode(content).decode())))
        assert len(rows) == len(TABLES[name](several).records), name


def test_the_top_says_whose_numbers_these_are(text):
    assert "These are not the paper's numbers" in text
    assert text.index("Numbers made up to test") < text.index('id="verdict"') < text.index("<nav")
    for fact in (MANIFEST, "Python 3", "torch ", "sed_eval ", "librosa ", "snakemake ", "resed 0"):
        assert fact in text
    assert "not a git checkout" in text


def test_tables_figures_windows_and_settings_are_there(text, reader):
    ids = Reader(text).ids
    assert ids >= set(FIGURES) - {"sensitivity"} and "sensitivity" not in ids
    assert {"sensitivity", "sensitivity-picture"} <= reader.ids
    assert "What the missing details are worth: " in reader.words["verdict"]
    assert '<td class="number paper">39.4</td>' in text and "the reference itself" in text
    assert "Alarm bell ringing" in text and "Alarm_bell_ringing" not in re.sub(
        r"data:[^\"]*", "", text
    )
    assert "<code>model.width: 0.1</code>" in text
    assert "the checkpoint of PTS+TFD+AFL" in text
    assert "in the letter: Figure 2" in text or "(Figure 2 of the letter)" in text
    assert re.search(r"In Table 1 PTS has", text, re.IGNORECASE)


def test_what_was_not_run_is_listed(results, several):
    def listed(of):
        return "\n".join(gaps.not_run(of, page._tables(of)))

    first, second = listed(results), listed(several)
    assert "The paper's data (dcase2019): this run is on made." in first
    assert "not in config.systems" not in first and "Table 2" not in first
    assert "PTS+TFD, literal reading" in first
    assert "More than one seed" in first and "More than one seed" not in second
    assert "study of readings" in first and "study of readings" not in second


def test_a_study_without_scores_is_not_shown(tmp_path):
    results = made(tmp_path, systems=["pts"], sensitivity=STUDY)
    text = render(results)
    check_links(Reader(text))
    assert "sensitivity" not in Reader(text).ids and "no scores of it are here" in text


def test_seeds_of_some_systems_are_told(tmp_path):
    results = made(tmp_path, systems=["pts", "guided_learning"], system_seeds={"pts": 2})
    listed = "\n".join(gaps.not_run(results, {}))
    assert "More than one seed of GL (Top-1)" in listed
    assert "1 to 2 seeds" in render(results)


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


def test_clips_of_an_altered_manifest_are_not_counted(results, monkeypatch):
    path = results.folder / "audit" / "manifest.tsv"
    before = path.read_text()
    monkeypatch.setenv(checksums.VARIABLE, str(results.folder))
    name = path.relative_to(results.folder)
    checksums.write(results.folder, name, checksums.digest(path))
    try:
        path.write_text(before.replace("10.0\tok", "10.0\tKk", 1))
        with pytest.raises(AlteredError, match=r"audit/manifest\.tsv: not the file that was made"):
            facts.splits(results)
    finally:
        path.write_text(before)
        checksums.record_of(results.folder, name).unlink()


def test_settings_shared_by_all_stand_apart(results):
    shared, systems = facts.systems(results)
    assert shared == ("model.width: 0.1",)
    own = {system.name: system.own for system in systems}
    assert own["pts"] == () and own["pts_without_bgru"] == ("model.recurrent.enabled: false",)
    assert json.loads(systems[0].all_settings)["model"]["width"] == 0.1


def test_two_systems_give_a_shorter_page(tmp_path):
    text = render(made(tmp_path, systems=["pts", "mean_teacher"]))
    reader = Reader(text)
    check_links(reader)
    assert "table3" in reader.ids and anchors.event_class("Dog") not in reader.ids
    assert "figure6" not in reader.ids and "training_curves_table2" not in reader.ids
    assert "Not run: no system of this table" in text
    assert "Table 2, section 3.3.2: 6 of 6 rows, not in config.systems: " in text
    assert "Figure 6. Confusion of system 9: requires pts_tfd_afl_esp." in text
    assert "section 3.3.1: 8 of 10 rows, not in config.systems: 1 GL" in text


@pytest.mark.parametrize("paper", ["liang_journal", "liang_letter"])
def test_other_classes_and_both_papers(tmp_path, paper):
    results = made(tmp_path, classes=["a b", "a_b", "<c>"], paper=paper)
    text = render(results)
    check_links(Reader(text))
    assert "&lt;c&gt;" in text and "<c>" not in text
    wanted = "Figure 2 of the letter; in the journal Figure 7"
    assert (wanted in text) == (paper == "liang_letter")


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


def test_command(results, text, tmp_path):
    arguments = ["report", "--results", str(results.folder), "--out", str(tmp_path / "i.html")]
    arguments += ["--config-json", results.config.model_dump_json()]
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 0, run.output
    assert (tmp_path / "i.html").read_text() == text
