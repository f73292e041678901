"""What was found, in five lines: values against the stored tables."""

import pytest
from made_page import make_page_input
from made_results import make_results, make_root

from resed.formats.tables import Table
from resed.report import render, render_summary
from resed.results.folder import Results


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    config = make_root(tmp_path_factory.mktemp("made"), override={"model": {"width": 0.1}})
    results = Results.of(config, make_results(config, 8, False))
    make_page_input(results)
    return results


def test_the_five_lines_are_those_of_the_tables(results):
    lines = render_summary(results).splitlines()
    assert 3 <= len(lines) <= 5
    table = Table.load(results.folder / "tables", "table1").frame
    systems = table[
        (table["split"] == "evaluation")
        & (table["threshold"] == "configured")
        & (table["metric"] == "event")
        & (table["group"] != "baseline")
    ].dropna(subset="value")
    best = systems.loc[systems["value"].idxmax()]
    assert lines[0].startswith(f"{best['title']}: highest ")
    assert f"{best['value']:.1f} % [{best['low']:.1f}, {best['high']:.1f}]" in lines[0]
    classes = Table.load(results.folder / "tables", "per_class").frame
    here = classes[
        (classes["system"] == best["system"])
        & (classes["split"] == "evaluation")
        & (classes["metric"] == "event")
    ]
    found = int((here["value"] > 0).sum())
    assert lines[1].startswith(f"It detects events of {found} of {len(here)} classes")
    missed = here.loc[~(here["value"] > 0), "label_title"]
    assert all(label in lines[1] for label in missed)
    judged = Table.load(results.folder / "tables", "claims").data["claims"]
    tested = [one for one in judged if one["here"] in ("holds", "does not hold", "undecided")]
    for verdict, words in (("holds", "hold here"), ("does not hold", "do not hold here")):
        count = sum(one["here"] == verdict for one in tested)
        text = f"{count} of {len(tested)} claims of {results.paper.name} {words}: "
        assert any(line.startswith(text) for line in lines) == (count > 0)
    open_ = sum(one["here"] == "undecided" for one in tested)
    assert (f"{open_} claims are undecided" in lines[-1]) == (open_ > 0)
    assert "*" not in "".join(lines)


def test_the_page_names_the_same_best_system(results):
    title = render_summary(results).split(":")[0]
    assert f"<strong>{title}</strong> has the highest" in render(results)
