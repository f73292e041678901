"""n of N: every table and figure shows its number of clips and the manifest of the audit."""

import json

import pytest
from made_results import MANIFEST, REPOSITORY, SPLITS, make_results, make_root

from resed.draw import style
from resed.draw.inputs import figure_names
from resed.draw.registry import figure_of
from resed.errors import ResultsError
from resed.paper.numbers import load_paper
from resed.report import facts
from resed.results.clips import Share, coverage, in_full, in_short
from resed.results.folder import Results
from resed.tabulate import BUILT_IN, make_table
from resed.tabulate.markdown import markdown

STUDY = {"report": True, "readings": ["filter.none"]}


def made(root, **audit):
    """All that tables and figures need, 8 clips a split of which 40 are official."""
    systems = ["pts", "pts_tfd_afl", "pts_tfd_afl_esp"]
    config = make_root(root, systems=systems, sensitivity=STUDY)
    folder = make_results(config, clips=8, readings=True)
    if audit:
        (folder / "audit" / "audit.json").write_text(json.dumps(audit))
    return Results.of(config, folder)


def counted(official=None, **partial):
    """Splits of an audit.json: 8 clips each, of which `partial` are usable."""
    splits = {}
    for role in SPLITS:
        ok = partial.get(role, 8)
        splits[role] = {"clips": 8, "status": {"ok": ok, "missing": 8 - ok}}
        splits[role] |= {"official": official} if official else {}
    return splits


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    splits = counted(official=12, weak=0, development=5)
    return made(tmp_path_factory.mktemp("n"), manifest_sha256=MANIFEST, splits=splits)


SENTENCE = (
    "Clips usable: weak 0 of 12, unlabeled 8 of 12, strong 8 of 12, development 5 of 12, "
    "evaluation 8 of 12. Manifest: 0123456789ab."
)


@pytest.mark.parametrize("name", [*load_paper("liang", REPOSITORY).tables, *BUILT_IN])
def test_every_table_states_n_of_all_and_the_manifest(results, name):
    table = make_table(name, results)
    assert SENTENCE in markdown(table)
    assert "\n".join(table.notes).count("0123456789ab") == 1, "once is enough"
    clips = {role: [{"weak": 0, "development": 5}.get(role, 8), 12] for role in SPLITS}
    assert table.provenance["clips"] == clips
    assert table.provenance["manifest_sha256"] == MANIFEST


@pytest.mark.parametrize(
    "title", ["Made", "A twin of it all, with generated sounds at the times of the real ones"]
)
def test_a_footnote_fits_its_figure(tmp_path, title):
    results = made(tmp_path)
    results.config.dataset_file.__dict__["title"] = title
    with style.look():
        for name in figure_names(results.config, results.paper):
            figure = figure_of(name, results).draw()
            figure.draw_without_rendering()
            ends = [text.get_window_extent().x1 for text in figure.texts]
            assert max(ends, default=0) <= figure.bbox.x1, name
            if name == "figure7":
                assert figure.get_supxlabel().count("\n") == (title != "Made")


def test_all_is_what_the_audit_says_or_the_dataset_file(tmp_path):
    results = made(tmp_path, splits=counted(strong=7))
    shares = coverage(results)
    assert shares[2] == Share("strong", 7, 8), "of soundscapes, those that were made"
    dataset = results.config.dataset_file
    dataset.__dict__["kind"] = "recordings"
    assert coverage(results)[2] == Share("strong", 7, 40), "the official number"
    assert in_short(results) == "39 of 200 clips"
    assert "Manifest: none (no audit)." in in_full(results)


def test_without_an_audit_it_says_so(tmp_path):
    results = made(tmp_path)
    (results.folder / "audit" / "audit.json").unlink()
    assert coverage(results) == []
    sentence = "Clips usable: not audited. Manifest: none (no audit)."
    assert sentence in make_table("table1", results).notes
    assert in_short(results) == "clips not audited"
    assert {split.usable for split in facts.splits(results)} == {None}


@pytest.mark.parametrize("name", ["table1", "scorecard", "comparisons", "repaired"])
def test_scores_of_another_audit_are_refused_by_each_table(tmp_path, name):
    results = made(tmp_path, manifest_sha256="e" * 64)
    with pytest.raises(
        ResultsError, match="manifest eeeeeeeeeeee; the scores were made with 01234"
    ):
        make_table(name, results)
