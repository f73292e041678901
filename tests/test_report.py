"""The page: self-contained, with the data of its results, and equal bytes on a second run."""

import base64
import csv
import gzip
import io
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pytest
from made_page import make_page_input
from made_results import (
    MANIFEST,
    be_own_recordings,
    be_the_papers_data,
    make_results,
    make_root,
)
from PIL import Image
from typer.testing import CliRunner

from resed.cli import app
from resed.errors import AlteredError, MissingFileError, ResultsError
from resed.escaping import html
from resed.formats.tables import Table
from resed.formats.web_page import policy, script, style
from resed.report import facts, figures, render
from resed.report.markup import marked
from resed.report.not_run import not_run
from resed.results.folder import Results, readable
from resed.runtime import checksums
from resed.tabulate.layout import NOT_RUN, anchor_of
from resed.tabulate.metrics import FURTHER
from resed.tabulate.words import NUMBER_VERDICTS


def made(root, clips=8, readings=False, change=None, **options):
    config = make_root(root, **options)
    if change:
        change(root)
        config.__dict__.pop("dataset_file", None)
    results = Results.of(config, make_results(config, clips, readings))
    make_page_input(results)
    return results


def stored(results, name):
    return Table.load(results.folder / "tables", name)


STUDY = {"report": True, "seeds": 2, "readings": ["tfd.literal", "filter.none"]}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """All systems, one seed, no study of readings, other data than the paper's."""
    return made(tmp_path_factory.mktemp("made"), override={"model": {"width": 0.1}})


@pytest.fixture(scope="module")
def text(results):
    return render(results)


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """All systems, two seeds, the study, more clips, the paper's data: verdicts on its numbers."""
    folder = tmp_path_factory.mktemp("several")
    options = {"seeds": 2, "sensitivity": STUDY}
    return made(folder, clips=30, readings=True, change=be_the_papers_data, **options)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Two systems on recordings of the user."""
    systems = ["pts", "pts_tfd_afl"]
    return made(tmp_path_factory.mktemp("own"), change=be_own_recordings, systems=systems)


@pytest.fixture(scope="module")
def several_text(several):
    return render(several)


@pytest.fixture(scope="module")
def reader(several_text):
    return Reader(several_text)


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
        assert reference.startswith(("data:", "#")), reference[:80]  # no other page was made
        if reference.startswith("#"):
            assert reference[1:] in reader.ids, reference


def test_the_page_needs_nothing_else(text, reader):
    check_links(Reader(text))
    check_links(reader)
    assert "@import" not in text and "url(" not in text
    assert text.count("<script") == 1 and f"<script>{script()}</script>" in text
    assert f'content="{html(policy())}"' in text and "default-src &#39;none&#39;" in text


def test_the_same_results_give_the_same_page(results, text):
    assert render(results) == text


def test_the_first_screen_counts_what_the_tables_hold(several, reader):
    claims = Counter(stored(several, "claims").frame["here"])
    tested = sum(claims.values()) - claims["not run"]
    words = " ".join(reader.words["verdict"].split())
    for word, text in (("holds", "hold here"), ("does not hold", "do not hold here")):
        assert claims[word] and f"{claims[word]} of {tested} claims of Liang et al. {text}" in words
    assert f"{claims['undecided']} claims are undecided" in words
    numbers = Counter(stored(several, "scorecard").frame["verdict"])
    listed = [name for name in reader.of("verdict") if name.startswith("scorecard-")]
    assert listed == [f"scorecard-{w}".replace(" ", "-") for w in NUMBER_VERDICTS if numbers[w]]
    for word, count in numbers.items():
        assert f"{count} {word}" in words
    assert f"{sum(numbers.values())} published numbers" in words


def test_findings_are_five_lines(results, several_text, text, own):
    for page in (several_text, text, render(own)):
        (findings,) = re.findall(r'<ol class="findings">(.*?)</ol>', page, re.DOTALL)
        assert 2 <= findings.count("<li>") <= 5


def test_the_picture_shows_the_numbers_of_the_main_table(several, several_text):
    frame = stored(several, "table1").frame
    rows = re.findall(r'<tr class="(?:point|base)">(.*?)</tr>', several_text, re.DOTALL)
    chosen = (frame["threshold"] == "configured") & (frame["split"] == "evaluation")
    chosen &= ~((frame["group"] == "baseline") & frame["system"].isin(["nothing", "reference"]))
    expected = frame[chosen & frame["metric"].isin(["event", "segment", "tags"])]
    assert len(rows) == expected["system"].nunique() == 11 + 4
    for row, (_, scores) in zip(rows, expected.groupby("title", sort=False), strict=True):
        at = [float(value) for value in re.findall(r'cx="([\d.]+)%" cy="50%" r="4"', row)]
        assert at == pytest.approx(scores["value"].tolist(), abs=0.006)
        ends = re.findall(r'class="reach \w+" x1="([\d.]+)%" x2="([\d.]+)%"', row)
        known = scores[scores["low"].notna()]
        low, high = zip(*((float(a), float(b)) for a, b in ends), strict=True)
        assert low == pytest.approx(known["low"].tolist(), abs=0.006)
        assert high == pytest.approx(known["high"].tolist(), abs=0.006)
        assert re.findall(r'class="text">([\d.]+)', row) == [f"{v:.1f}" for v in scores["value"]]
        assert re.findall(r'class="hidden">(\[.*?\])', row) == [
            f"[{one.low:.1f}, {one.high:.1f}]" for one in known.itertuples()
        ]
        rings = re.findall(r'class="published" cx="([\d.]+)%"', row)
        published = scores["published"].dropna()
        assert [float(value) for value in rings] == pytest.approx(published.tolist())


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


def test_the_scorecard_has_every_number_once(several, several_text):
    rows = re.findall(r'<tr class="(within|above|below|not-run|undecided)">', several_text)
    expected = stored(several, "scorecard").frame["verdict"].str.replace(" ", "-")
    assert Counter(rows) == Counter(expected)


def test_evidence_is_two_clicks_away(several, reader):
    """From the verdict to a claim, from its evidence to the lines that it is based on."""
    for name in stored(several, "claims").frame["row"]:
        assert reader.of(f"claim-{name}"), name
    system, other = "pts_tfd", "pts"
    line, pair = anchor_of("table1", system), anchor_of("comparisons", system, other)
    assert {line, pair} <= set(reader.of("claim-tfd_over_pts"))
    assert " ".join(reader.words[line].split()).startswith("6 PTS+TFD ")
    assert " ".join(reader.words[pair].split()).startswith("6 vs 3 PTS+TFD PTS")
    assert "8 vs 6" not in reader.words[pair]
    assert anchor_of("table2", "pts_tfd_afl_tau10") in reader.of("claim-tau_15_best")
    assert anchor_of("sensitivity", "filter.none") in reader.of("claim-median_filter")
    assert "windows" in reader.of("claim-windows_differ")
    assert "figure3" in reader.of("claim-focal_weights")


def test_sections_open_in_this_order(several_text, text):
    sections = re.findall(r'<details class="section" id="([^"]*)">', several_text)
    assert sections == [
        *("systems", "per_class", "comparisons", "claims", "paper-tables", "scorecard"),
        *("figures", "sensitivity", "readings", "contradictions", "run", "notes", "not-run"),
    ]
    without = re.findall(r'<details class="section" id="([^"]*)">', text)
    assert without == [name for name in sections if name != "sensitivity"]


def test_every_table_that_is_shown_comes_as_csv(several, several_text):
    """Compressed; the script of the page unpacks it."""
    pattern = r'download="(\w+)\.csv\.gz" data-csv="(\w+)\.csv" href="data:application/gzip;base64,'
    files = re.findall(pattern + r'([^"]*)"', several_text)
    names = {path.stem for path in (several.folder / "tables").glob("*.csv")}
    assert {name for name, _, _ in files} == names - {"repaired"} and len(names) == 13
    for name, unpacked, content in files:
        stored_file = (several.folder / "tables" / f"{name}.csv").read_bytes()
        assert name == unpacked and gzip.decompress(base64.b64decode(content)) == stored_file
        rows = list(csv.DictReader(io.StringIO(stored_file.decode())))
        assert len(rows) == len(stored(several, name).frame), name


def test_the_top_says_whose_numbers_these_are(text):
    assert "Not the paper&#39;s data." in text
    assert text.index("Numbers made up to test") < text.index('id="verdict"')
    for fact in (MANIFEST, "Python 3", "torch ", "sed_eval ", "librosa ", "snakemake ", "resed 0"):
        assert fact in text
    assert "not a git checkout" in text


def test_tables_figures_windows_and_settings_are_there(results, text, reader, several_text):
    ids = Reader(text).ids
    assert ids >= {*results.paper.figures, "dag", "windows"} and "sensitivity" not in ids
    assert {"sensitivity", "sensitivity-picture"} <= reader.ids
    assert "Changes of PTS" in reader.words["sensitivity"]
    assert '<td class="number paper">39.4</td>' in several_text
    assert "the reference itself" in text
    visible = re.sub(r'(data:|id="|href="#)[^"]*', "", text)
    assert "Alarm bell ringing" in text and "Alarm_bell_ringing" not in visible
    assert "<code>model.width: 0.1</code>" in text
    assert "the checkpoint of PTS+TFD+AFL" in text
    assert "How to read figure3." in text and "(8 of 40 clips, manifest 0123456789ab.)" in text
    assert 'width="648"' in text, "108 pixels per inch"


def test_a_figure_of_another_edition_is_named_by_its_number(reader, several):
    (entry,) = [f for n, f in several.paper.figures.items() if n == "figure7"]
    words = " ".join(reader.words["figure-numbers"].split())
    edition = several.paper.editions["letter"].name
    assert f"{edition}, {entry.editions['letter']}: {entry.title}" in words
    assert "figure7" in reader.of("figure-numbers")


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
    assert "sensitivity" not in Reader(text).ids
    assert "(no scores; see sensitivity.report" in text


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
    results = made(tmp_path, systems=["pts", "mean_teacher"])
    text = render(results)
    reader = Reader(text)
    check_links(reader)
    assert "table1" in reader.ids and not {"table2", "table3"} & reader.ids
    assert "figure6" not in reader.ids and "training_curves_table2" not in reader.ids
    words = " ".join(reader.words["not-run"].split())
    systems = len(results.paper.systems())
    lacking = f"{systems - 2} of {systems} systems of Liang et al., which are not in config.systems"
    assert f"{lacking}: GL (Top-1) (guided_learning), " in words
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
    assert text.count("<script") == 1 and "&lt;script&gt;" in text


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


class Unopened(HTMLParser):
    """The words of a page before anything is opened, text for screen readers included."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in Reader.VOID:
            self.open.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        tags = [tag for tag, _ in self.open]
        if {"style", "script", "title"} & set(tags):
            return
        for place, (tag, values) in enumerate(self.open):
            if tag == "details" and "open" not in values and tags[place + 1 :][:1] != ["summary"]:
                return
        self.text.append(data)

    @property
    def words(self):
        return " ".join(self.text).split()


def test_the_page_is_short_before_it_is_opened(several_text, text, own):
    """At most 6,000 words and 2 MB, sound aside."""
    for name, page in (("all systems", several_text), ("other data", text), ("own", render(own))):
        words, size = len(Unopened(page).words), len(page.encode()) / 1e6
        print(f"{name}: {words} words before anything is opened, {size:.2f} MB")
        assert 100 < words <= 1000 and size <= 2
    assert len(re.sub(r"<[^>]*>", " ", several_text).split()) > 6000


def test_pictures_are_embedded_small(several, tmp_path):
    picture = Image.effect_noise((700, 500), 60).convert("RGB")
    picture.save(tmp_path / "figure3.png")
    description = several.folder / "figures" / "figure3.json"
    shutil.copy(description, tmp_path / "figure3.json")
    source = figures.pictures(tmp_path, ["figure3"])["figure3"].source
    content = base64.b64decode(source.partition(",")[2])
    assert len(content) < (tmp_path / "figure3.png").stat().st_size / 1.5
    with Image.open(io.BytesIO(content)) as found:
        assert found.size == (700, 500)
        change = np.abs(np.asarray(found.convert("RGB"), float) - np.asarray(picture, float))
    assert change.max() <= 8
    (tmp_path / "figure3.png").write_bytes(b"no picture")
    with pytest.raises(ResultsError, match="not a picture"):
        figures.pictures(tmp_path, ["figure3"])


def test_a_system_has_one_row_with_both_splits(several, several_text):
    frame = stored(several, "table1").frame
    line = frame[(frame["system"] == "pts_tfd") & (frame["threshold"] == "configured")]
    (row,) = re.findall(r'<tr id="table1-pts_tfd">(.*?)</tr>', several_text, re.DOTALL)
    shown = re.findall(r'<td class="number">([\d.]+) <small>', row)
    expected = [
        line[(line["metric"] == metric) & (line["split"] == split)]["value"].item()
        for metric in ("event", "segment", "tags")
        for split in ("development", "evaluation")
    ]
    assert shown == [f"{value:.1f}" for value in expected]
    papers = re.findall(r'<td class="number paper">([\d.]+)</td>', row)
    assert papers == ["48.0", "45.4", "71.7", "70.2", "78.6", "77.1"]
    assert several_text.count(">development</th>") >= 3


def test_only_rows_that_ran_are_shown(tmp_path):
    results = made(tmp_path, systems=["pts", "pts_tfd_afl"])
    text = render(results)
    (table,) = re.findall(r'<table class="sortable".*?</table>', text, re.DOTALL)[1:2]
    assert "PTS+TFD+AFL" in table and "GL (Top-1)" not in table and "not run" not in table
    (pair,) = re.findall(r'<tr id="comparisons-[^"]*">.*?</tr>', text, re.DOTALL) or [""]
    ran = stored(results, "comparisons").frame["status"] != NOT_RUN
    assert bool(pair) == bool(ran.any())


def test_notes_of_several_tables_stand_once(several, several_text):
    tables = {p.stem: stored(several, p.stem) for p in (several.folder / "tables").glob("*.json")}
    shown = set(tables) - {"repaired"}
    for note in {note for name in shown for note in tables[name].notes}:
        places = sum(note in tables[name].notes for name in shown)
        words = str(marked(note))
        assert several_text.count(f"<li>{words}</li>") == 1, (places, note)
        if places > 1:
            assert words in several_text[several_text.index('id="notes"') :]


def test_comparisons_say_why_they_are_undecided(results, text, several, several_text):
    for of, page in ((results, text), (several, several_text)):
        frame = stored(of, "comparisons").frame
        ran = frame[frame["status"] == "run"]
        assert set(ran["reason"][ran["decision"] == "undecided"]) <= {
            "1 seed",
            "interval contains 0",
        }
        assert set(ran["reason"][ran["decision"] != "undecided"]) <= {""}
        shown = re.findall(r"undecided</span> <small>([^<]*)</small>", page)
        assert Counter(shown) == Counter(ran["reason"][ran["decision"] == "undecided"])
    separate = stored(results, "comparisons").frame
    separate = separate[(separate["same_checkpoint"] == "no") & (separate["status"] == "run")]
    assert set(separate["reason"]) == {"1 seed"}


def test_f6_on_other_data_no_number_is_compared(results, text):
    """Directions are judged; numbers and gains are listed as other data, in one place."""
    score = stored(results, "scorecard").frame
    assert set(score["verdict"]) == {"other data", "not run"} and score["difference"].isna().all()
    claims = stored(results, "claims").data["claims"]
    sizes = {one["here"] for one in claims if one["kind"] in ("margin", "range")}
    assert "other data" in sizes <= {"other data", "not run"}
    assert {"undecided", "holds"} & {one["here"] for one in claims if one["kind"] == "better"}
    paper = re.findall(r'class="number paper"', text)
    listed = (score["verdict"] == "other data").sum()
    assert listed and text.count('class="other-data"') == listed
    cards = text[text.index('id="scorecard"') : text.index('id="figures"')]
    assert len(paper) == len(re.findall(r'class="number paper"', cards)) >= listed
    shown = re.sub(r"<[^>]*>", " ", text[text.index("<body>") : text.index("<script>")])
    assert "reproduced" not in shown and "published numbers beside ours" not in shown
    for word in ("within", "above", "below"):
        assert word not in re.sub(r"<[^>]*>", " ", cards), word


def test_f6_own_data_has_a_page_of_its_own(own):
    text = render(own)
    check_links(Reader(text))
    seen = " ".join(Unopened(text).words)
    body = text[text.index("<body>") : text.index("<script>")]
    words = " ".join(re.sub(r"<[^>]*>", " ", body).split())
    assert seen.startswith("Report Made-up results 2 systems of Liang et al. detect 5 classes")
    assert "<title>Made-up results: sound event detection</title>" in text
    for name in ("every class active all the time", "PTS", "PTS+TFD+AFL"):
        assert name in seen
    for name in own.config.dataset_file.classes:
        assert readable(name) in words, name
    ids = Reader(text).ids
    assert not {"table3", "table2", "contradictions", "paper-tables"} & ids
    for absent in ("reproduced", "217", "208", "Table 3 not run", "Contradictions", "Figure 6"):
        assert absent not in words, absent
    frame = stored(own, "per_class").frame
    counts = own.interval("evaluation", "pts", FURTHER["segment"], "Dog")
    chosen = frame[(frame["label"] == "Dog") & (frame["system"] == "pts")]
    chosen = chosen[(chosen["split"] == "evaluation") & (chosen["metric"] == "segment")]
    assert chosen["value"].item() == pytest.approx(counts.mean)
    assert f"{counts.mean:.1f} [{counts.low:.1f}, {counts.high:.1f}]" in words


def test_pages_of_the_run_are_linked_where_they_exist(own, tmp_path):
    audit, clips = own.folder / "audit" / "index.html", own.folder / "report/clips/index.html"
    assert "Listen to the clips" not in render(own) and "Audit of the data" not in render(own)
    try:
        for path in (audit, clips):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("<!DOCTYPE html>")
        text = render(own)
        assert '<a class="listen" href="clips/index.html">Listen to the clips</a>' in text
        assert '<a href="../audit/index.html">Audit of the data</a>' in text
        other = render(own, own.folder.parent)
        assert 'href="made/audit/index.html"' in other and 'href="made/report/clips/ind' in other
    finally:
        audit.unlink(missing_ok=True)
        shutil.rmtree(clips.parent, ignore_errors=True)


def colours(scheme):
    """The colours of the style sheet in a scheme."""
    text = str(style())
    light, dark = (dict(re.findall(r"--(\w+): (#\w{6})", part)) for part in parts(text))
    return light | (dark if scheme == "dark" else {})


def parts(text):
    first, _, rest = text.partition("@media (prefers-color-scheme: dark)")
    return first, rest.partition("} }")[0]


def luminance(colour):
    """Relative luminance of WCAG 2.1."""
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_at_least_4_5(scheme):
    found = colours(scheme)
    texts = (
        "text",
        "soft",
        "link",
        "yes",
        "no",
        "high",
        "open",
        "absent",
        "point",
        "base",
        "other",
    )
    pairs = [(t, b) for t in texts for b in ("page", "card", "band", "here")]
    pairs += [("warn", "warnbg"), ("text", "warnbg"), ("link", "warnbg")]
    contrasts = {}
    for text, behind in pairs:
        low, high = sorted((luminance(found[text]), luminance(found[behind])))
        contrasts[text, behind] = (high + 0.05) / (low + 0.05)
    worst = min(contrasts, key=contrasts.get)
    print(f"{scheme}: least contrast {contrasts[worst]:.2f} ({worst[0]} on {worst[1]})")
    assert contrasts[worst] >= 4.5, worst


def test_the_energy_of_trainings_is_a_line_of_the_run(results, text):
    assert "Energy of training" not in text
    path = results.folder / "tables" / "table1.json"
    before = path.read_text()
    values = json.loads(before)
    values["data"]["energy"] = {"line": "14 trainings: 5 kWh, on <NVIDIA H100>."}
    path.write_text(json.dumps(values))
    try:
        page = render(results)
    finally:
        path.write_text(before)
    line = '<th scope="row">Energy of training</th><td>14 trainings: 5 kWh, on &lt;NVIDIA H100&gt;.'
    assert line in page
