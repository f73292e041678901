"""Tables that people open in a spreadsheet: no cell is run as a formula, and values come back."""

import itertools

import audits
import pandas as pd
import pytest
from audits import audit, name

from resed.audit.manifest_comparison import compare_manifests
from resed.formats.spreadsheet import neutral, original
from resed.formats.tables import Column, Table, View, tidy
from resed.runtime.files import write_text

HOSTILE = ["=1+1", '=HYPERLINK("x")', "+1", "-2+3", "@SUM(A1)", "\t=1", "'=1", "''=1", "'", ""]
PLAIN = ["Dog", "a=b", "1.5", "'tis", "it's", "x-y", "–", "Vacuum_cleaner"]


def table(texts: list[str]) -> Table:
    frame = tidy({"row": text, "value": -1.5} for text in texts)
    view = View(keys=("row",), columns=(Column(title="row", field="row"), Column(title="value")))
    return Table("x", "X", (), frame, view, {}, {})


def test_c10_every_text_comes_back_and_none_begins_as_a_formula():
    letters = ["=", "+", "-", "@", "\t", "\r", "'", "a", "", "1"]
    texts = {"".join(parts) for parts in itertools.product(letters, repeat=4)}
    for text in texts:
        assert original(neutral(text)) == text
        assert not neutral(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert len({neutral(text) for text in texts}) == len(texts)
    assert [neutral(text) for text in PLAIN] == PLAIN


def test_c10_cells_of_result_tables_are_no_formulas(tmp_path):
    texts = [text for text in [*HOSTILE, *PLAIN] if text.strip("\t")]
    made = table(texts)
    write_text(tmp_path / "x.csv", made.csv())
    write_text(tmp_path / "x.json", made.json())
    cells = pd.read_csv(tmp_path / "x.csv", dtype=str, keep_default_na=False)["row"]
    assert not any(cell[:1] in ("=", "+", "-", "@", "\t") for cell in cells)
    loaded = Table.load(tmp_path, "x")
    assert loaded.frame["row"].tolist() == texts
    assert loaded.frame["value"].tolist() == [-1.5] * len(texts), "numbers may be negative"
    assert "'-" not in made.csv().splitlines()[-1]


@pytest.mark.parametrize("evil", ["=1+1.wav", "@x.wav", "-y.wav", "+z.wav"])
def test_c10_findings_and_differences_are_no_formulas(tmp_path, evil):
    small = audits.dataset()
    root = audits.make(tmp_path, small)
    path = root / small.splits["unlabeled"].annotations
    path.write_text(path.read_text().replace(name("unlabeled", 0), evil))
    audit(small, root)
    (root / "out" / "manifest.tsv").rename(tmp_path / "a.tsv")
    path.write_text(path.read_text().replace(evil, name("unlabeled", 0)))
    audit(small, root)
    out = tmp_path / "differences.tsv"
    compare_manifests(tmp_path / "a.tsv", root / "out" / "manifest.tsv", out, lambda _: None)
    assert f"\t'{evil}\t" in out.read_text()
    manifest = (tmp_path / "a.tsv").read_text()
    assert f"\t{evil}\t" in manifest, "names in files that programs read are as they are"
