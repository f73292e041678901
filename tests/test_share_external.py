"""Share and restore of a run that scored a detector of others, whose files are not shared."""

from pathlib import Path

import pytest
import shared_run
from runs import copy_workflow, snakemake
from shared_run import OVERLAY, clone, commit, resed, track

from resed.formats.metrics import read_metrics

RECORD = 'f"{RESULTS}/acquire/strong.json", f"{RESULTS}/audit/manifest.tsv"'
NAMED = 'f"{RESULTS}/acquire/evaluation.json", manifest=f"{RESULTS}/audit/manifest.tsv"'
INCLUDES = "".join(
    f'include: "workflow/rules/{name}.smk"\n' for name in ("common", "inputs", "options", "order")
)
SCORES = 'expand(SYSTEM.format(stage="score") + "/metrics.json", system=CONFIG.systems)'
EXTERNAL = "results/demo/score/evaluation/external+mine/seed0"
CLIPS = "filename\tonset\toffset\tevent_label\na.wav\t1.0\t2.0\tbark\nb.wav\t\t\t\n"
ROWS = "".join(f"evaluation\t{n}.wav\t{'0' * 64}\t44100\t1\t10.0\tok\tx\n" for n in "ab")
MANIFEST = "split\tfilename\tsha256\trate\tchannels\tseconds\tstatus\tsource\n" + ROWS


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A repository whose run, with a detector in a folder that no clone has, was shared."""
    folder = tmp_path_factory.mktemp("lab") / "here"
    folder.mkdir()
    copy_workflow(folder)
    (folder / "Snakefile").write_text(
        replaced(
            shared_run.SNAKEFILE,
            ('include: "workflow/rules/common.smk"\n', INCLUDES),
            (RECORD, NAMED),
            ("rule all:", 'wildcard_constraints:\n    system="[a-z_]+",\n\nrule all:'),
            ("rule extract:", 'include: "workflow/rules/external.smk"\n\nrule extract:'),
            (SCORES, f'[*{SCORES}, "{EXTERNAL}/metrics.json"]'),
        )
    )
    (folder / "job.py").write_text(
        replaced(
            shared_run.JOB,
            (
                "        write_text(path, text)",
                f"        write_text(path, {MANIFEST!r} if 'manifest' in path else text)",
            ),
        )
    )
    labels = folder / "data/demo/metadata/eval/public.tsv"
    labels.parent.mkdir(parents=True)
    labels.write_text(CLIPS)
    mine = folder.parent / "private" / "mine.tsv"
    mine.parent.mkdir()
    mine.write_text(CLIPS)
    external = {"mine": {"events": "../private/mine.tsv"}}
    done = snakemake(folder, overlay={**OVERLAY, "external": external})
    assert done.returncode == 0, done.stdout[-3000:]
    track(folder)
    code, told = resed(folder, "share")
    assert code == 0, told
    commit(folder, "shared")
    return folder


def test_a_clone_gets_the_scores_and_does_not_need_the_files(here, tmp_path):
    assert read_metrics(here / EXTERNAL / "metrics.json")["event"]["macro_f1"] == 1
    there = clone(here, tmp_path / "there")
    code, told = resed(there, "restore", "--remote", str(here.parent / "resed-remote"))
    assert code == 0, told
    assert "snakemake: nothing to be done" in told
    for name in ("metrics.json", "counts.tsv"):
        assert (there / EXTERNAL / name).read_bytes() == (here / EXTERNAL / name).read_bytes()
    assert resed(there, "verify")[0] == 0
    assert not Path(tmp_path / "private").exists()
