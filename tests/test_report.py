"""The page: self-contained, with the data of its results, and equal bytes on a second run."""

import base64
import csv
import io
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser

import pytest
from made_page import make_page_input
from made_results import MANIFEST, make_results, make_root
from typer.testing import CliRunner

from resed.cli import app
from resed.errors import AlteredError, MissingFileError, ResultsError
from resed.formats.tables import Table
from resed.report import facts, render
from resed.report.not_run import not_run
from resed.results.folder import Results
from resed.runtime import checksums
from resed.tabulate.layout import anchor_of


def made(root, clips=8, readings=False, **options):
    config = make_root(root, **options)
    results = Results.of(config, make_results(config, clips, readings))
    make_page_input(results)
    return results


def stored(results, name):
    return Table.load(results.folder / "tables", name)


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
            assert values["id"] not in self.ids, f"id {values['id']} is used twice"
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
        counts = Counter(stored(several, name).frame[column])
        top = [anchor for anchor in reader.of("verdict") if anchor.startswith(f"{name}-")]
        tiles = {}
        for anchor in dict.fromkeys(top):
            word = anchor.removeprefix(f"{name}-").replace("-", " ")
            tiles[word] = counts[word]
            assert f" {counts[word]}" in reader.words["verdict"]
        assert sum(tiles.values()) == sum(counts.values())
        assert len(tiles) == (4 if name == "claims" else 5)


def test_every_verdict_leads_to_its_rows(several, reader):
    claims = Counter(stored(several, "claims").frame["here"])
    for word, count in claims.items():
        heading = reader.words["claims-" + word.replace(" ", "-")]
        assert re.search(rf"\b{count} of {sum(claims.values())}\b", " ".join(heading.split()))
    numbers = Counter(stored(several, "scorecard").frame["verdict"])
    for word, count in numbers.items():
        text = " ".join(reader.words["scorecard-" + word.replace(" ", "-")].split())
        assert text.startswith(f"Only the {count} numbers with the verdict {word}")
    assert len(numbers) >= 3 and len(claims) == 4


def test_the_scorecard_has_every_number_once(several):
    rows = re.findall(r'<tr class="(within|above|below|not-run)">', render(several))
    expected = stored(several, "scorecard").frame["verdict"].str.replace(" ", "-")
    assert Counter(rows) == Counter(expected)


def test_evidence_is_two_clicks_away(several, reader):
    """From the verdict to a claim, from its evidence to the lines that it is based on."""
    for name in stored(several, "claims").frame["row"]:
        assert reader.of(f"claim-{name}"), name
    system, other = "pts_tfd", "pts"
    line, pair = anchor_of("table1", system), anchor_of("comparisons", system, other)
    assert {line, pair} <= set(reader.of("claim-tfd_over_pts"))
    assert " ".join(reader.words[line].split()).startswith("6 PTS+TFD development")
    assert " ".join(reader.words[pair].split()).startswith("6 vs 3 PTS+TFD PTS")
    assert "8 vs 6" not in reader.words[pair]
    assert anchor_of("table2", "pts_tfd_afl_tau10") in reader.of("claim-tau_15_best")
    assert anchor_of("sensitivity", "filter.none") in reader.of("claim-median_filter")
    assert "windows" in reader.of("claim-windows_differ")
    assert "figure3" in reader.of("claim-focal_weights")


def test_contents_lead_to_every_section(reader):
    contents = [href.removeprefix("#") for place, href in reader.links if not place]
    assert contents and set(contents) <= reader.ids
    assert contents[: len(contents) // 2] == contents[len(contents) // 2 :], "wide and narrow"
    sections = ("verdict", "edition-journal", "edition-letter", "figures", "scorecard", "claims")
    sections += ("comparisons", "repaired", "contradictions", "readings", "sensitivity")
    sections += ("run", "settings", "not-run")
    assert [anchor for anchor in contents if anchor in sections] == 2 * list(sections)


def test_every_table_comes_as_csv(several):
    text = render(several)
    files = dict(re.findall(r'download="(\w+)\.csv" href="data:text/csv;base64,([^"]*)"', text))
    names = {path.stem for path in (several.folder / "tables").glob("*.csv")}
    assert set(files) == names and len(names) == 12
    for name, content in files.items():
        rows = list(csv.DictReader(io.StringIO(base64.b64decode(content).decode())))
        assert len(rows) == len(stored(several, name).frame), name


def test_the_top_says_whose_numbers_these_are(text):
    assert "These numbers are not the paper's" in text
    assert text.index("Numbers made up to test") < text.index('id="verdict"') < text.index("<nav")
    for fact in (MANIFEST, "Python 3", "torch ", "sed_eval ", "librosa ", "snakemake ", "resed 0"):
        assert fact in text
    assert "not a git checkout" in text


def test_tables_figures_windows_and_settings_are_there(results, text, reader):
    ids = Reader(text).ids
    assert ids >= {*results.paper.figures, "dag"} and "sensitivity" not in ids
    assert {"sensitivity", "sensitivity-picture"} <= reader.ids
    assert "Study of the readings: " in reader.words["verdict"]
    assert '<td class="number paper">39.4</td>' in text and "the reference itself" in text
    visible = re.sub(r'(data:|id="|href="#)[^"]*', "", text)
    assert "Alarm bell ringing" in text and "Alarm_bell_ringing" not in visible
    assert "<code>model.width: 0.1</code>" in text
    assert "the checkpoint of PTS+TFD+AFL" in text
    assert "How to read figure3." in text and "(8 of 40 clips, manifest 0123456789ab.)" in text
    assert 'width="648"' in text, "108 pixels per inch"


def test_a_figure_of_another_edition_is_named_by_its_number(reader, several):
    (entry,) = [f for n, f in several.paper.figures.items() if n == "figure7"]
    words = " ".join(reader.words["edition-letter"].split())
    assert f"{entry.editions['letter']}: {entry.title}" in words
    assert "figure7" in reader.of("edition-letter")


def test_what_was_not_run_is_listed(results, several):
    def listed(of):
        names = [path.stem for path in (of.folder / "tables").glob("*.json")]
        tables = {name: stored(of, name) for name in names}
        return "\n".join(not_run(of, {n: t for n, t in tables.items() if t.data.get("ran", True)}))

    first, second = listed(results), listed(several)
    assert "The paper's data (dcase2019): this run is on made." in first
    assert "Table 1" not in first
    assert "PTS+TFD, literal reading" in first
    assert "More than one seed" in first and "More than one seed" not in second
    assert "study of readings" in first and "study of readings" not in second


def test_a_study_without_scores_is_not_shown(tmp_path):
    results = made(tmp_path, systems=["pts"], sensitivity=STUDY)
    text = render(results)
    check_links(Reader(text))
    assert "sensitivity" not in Reader(text).ids and "(no scores; see sensitivity.report" in text


def test_seeds_of_some_systems_are_stated(tmp_path):
    results = made(tmp_path, systems=["pts", "guided_learning"], system_seeds={"pts": 2})
    text = render(results)
    assert "More than one seed of GL (Top-1)" in text
    assert "1 to 2 seeds" in text


def test_clips_are_those_of_the_audit(results):
    path = results.folder / "audit" / "audit.json"
    before = path.read_text()
    changed = json.loads(before)
    changed["splits"]["weak"]["status"] = {"ok": 7, "missing": 1}
    path.write_text(json.dumps(changed))
    try:
        weak, *others = facts.splits(Results.of(results.config, results.folder))
    finally:
        path.write_text(before)
    assert (weak.role, str(weak.usable), weak.unusable) == ("weak", "7 of 50", "1 missing")
    assert weak.paper == 1473
    assert [str(split.usable) for split in others] == ["8 of 50"] * 4


def test_clips_of_an_altered_audit_are_not_counted(results, monkeypatch):
    path = results.folder / "audit" / "audit.json"
    before = path.read_text()
    monkeypatch.setenv(checksums.VARIABLE, str(results.folder))
    name = path.relative_to(results.folder)
    checksums.write(results.folder, name, checksums.digest(path))
    try:
        path.write_text(before.replace("ok", "Kk", 1))
        with pytest.raises(AlteredError, match=r"audit/audit\.json: not the file that was made"):
            facts.splits(Results.of(results.config, results.folder))
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
    assert "table3" in reader.ids and anchor_of("table3", "Dog") not in reader.ids
    assert "figure6" not in reader.ids and "training_curves_table2" not in reader.ids
    assert "Not run: no system of this table" in text
    words = " ".join(reader.words["not-run"].split())
    assert "Table 1. Systems (table1): 8 of 10 systems are not in config.systems: GL" in words
    assert "Figure 6. Confusion of system 9: requires pts_tfd_afl_esp in config.systems." in words


def test_text_from_outside_is_escaped(tmp_path):
    results = made(tmp_path, classes=["a b", "a_b", "<c>"], systems=["pts"])
    path = tmp_path / "config" / "datasets" / "made.yaml"
    path.write_text(path.read_text().replace("Made-up results", "<script>alert(1)</script>"))
    results.config.__dict__.pop("dataset_file", None)
    make_page_input(results)
    text = render(results)
    check_links(Reader(text))
    assert "&lt;c&gt;" in text and "<c>" not in text
    assert "<script" not in text and "&lt;script&gt;" in text


def test_tables_of_another_audit_are_refused(results):
    path = results.folder / "audit" / "audit.json"
    before = path.read_text()
    path.write_text(json.dumps({"manifest_sha256": "e" * 64}))
    problem = "made from manifest 0123456789ab; the audit has eee"
    try:
        with pytest.raises(ResultsError, match=problem):
            render(Results.of(results.config, results.folder))
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    ("file", "cure"),
    [
        ("figures/figure7.png", "run resed draw --figure figure7"),
        ("figures/figure7.json", "run resed draw --figure figure7"),
        ("tables/table3.csv", "run resed tabulate --table table3"),
        ("tables/claims.json", "run resed tabulate --table claims"),
    ],
)
def test_a_missing_input_is_named(results, tmp_path, file, cure):
    path = results.folder / file
    shutil.move(path, tmp_path / path.name)
    try:
        with pytest.raises(MissingFileError, match=cure):
            render(Results.of(results.config, results.folder))
    finally:
        shutil.move(tmp_path / path.name, path)


def command(results, out):
    arguments = ["report", "--results", str(results.folder), "--out", str(out)]
    return [*arguments, "--config-json", results.config.model_dump_json()]


def test_command(results, text, tmp_path):
    run = CliRunner().invoke(app, command(results, tmp_path / "i.html"))
    assert run.exit_code == 0, run.output
    assert (tmp_path / "i.html").read_text() == text


def test_the_page_computes_nothing(results, tmp_path):
    """It does not even load what computes scores, intervals and figures."""
    program = (
        "import sys; from resed.cli import app; app(sys.argv[1:], standalone_mode=False); "
        "print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, *command(results, tmp_path / "i.html")],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = run.stdout.splitlines()[-1]
    for package in ("torch", "matplotlib", "seaborn", "sed_eval", "sed_scores_eval", "librosa"):
        assert f"'{package}'" not in loaded, package
    assert "'pandas'" in loaded
