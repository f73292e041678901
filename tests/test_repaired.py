"""Scores against repaired labels: as if all clips were scored again, and refused if stale."""

import json
import random

import pytest
from made_results import MANIFEST, make_results, make_root

from resed.config.dataset import load_dataset
from resed.errors import MissingFileError, ResultsError
from resed.formats.annotations import read_clips, read_events, write_events
from resed.repair import repair_dataset
from resed.results.folder import Results
from resed.results.repaired import load_repair, repaired_counts
from resed.score.f1 import event_counts, segment_counts
from resed.score.score_files import score_files
from resed.tabulate import make_table
from resed.tabulate.layout import lines
from resed.tabulate.markdown import markdown

SYSTEMS = ["pts", "pts_tfd"]
SPLITS = ("development", "evaluation")


def make(root, clips=24, seeds=2):
    """Made results whose scores are those of events that lie beside them, and a repair."""
    config = make_root(root, systems=SYSTEMS, seeds=seeds)
    results = Results.of(config, make_results(config, clips))
    for index, system in enumerate(SYSTEMS):
        for seed in range(seeds):
            for split in SPLITS:
                detect(results, split, system, seed, 10 * index + seed)
    repair(results)
    return results


def detect(results, split, system, seed, number):
    """Events near the true ones, scored by `resed score`."""
    draw = random.Random(number)
    found = {}
    for clip, events in read_events(results.annotations(split)).items():
        kept = [event for event in events if draw.random() < 0.8]
        found[clip] = [
            type(e)(e.filename, e.onset + draw.uniform(0, 0.3), e.offset + 0.1, e.event_label)
            for e in kept
            if e.offset - e.onset > 0.25
        ]
    write_events(results.events(split, system, seed), found)
    place = results.folder / "score" / split / system / f"seed{seed}"
    score(results, split, system, seed, place)
    metrics = json.loads((place / "metrics.json").read_text())
    (place / "metrics.json").write_text(json.dumps(metrics | {"manifest_sha256": MANIFEST}))


def score(results, split, system, seed, place):
    score_files(
        results.annotations(split),
        results.events(split, system, seed),
        place / "metrics.json",
        clips=results.tags(split, system, seed),
        tags={"tags": results.tags(split, system, seed)},
        counts=place / "counts.tsv",
    )


def repair(results, manifest=MANIFEST):
    out = results.folder / "repair"
    repair_dataset(results.config.dataset_file, results.data, out, report=str)
    change(out / "repair.json", manifest_sha256=manifest)


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return make(tmp_path_factory.mktemp("repaired"))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_scores_are_those_of_scoring_every_clip_again(results, split, system):
    labels = load_repair(results, split)
    copy = results.folder / "repair" / results.config.dataset_file.splits[split].annotations
    scored = list(repaired_counts(results, labels, split, system))
    assert len(scored) == 2
    for seed, (clips, found) in enumerate(scored):
        assert clips and clips < set(read_clips(results.tags(split, system, seed)))
        guess = read_events(results.events(split, system, seed))
        for metric, count in {"event": event_counts, "segment": segment_counts}.items():
            whole = count(read_events(copy), guess, read_clips(copy)).summary()
            assert found[metric].f1() == pytest.approx(whole["macro_f1"], abs=1e-12)
            before = results.counts(split, system, seed, metric)
            moved = found[metric].f1() != before.f1()
            assert moved or metric == "segment", "merged overlaps leave active segments as they are"
            for i, label in enumerate(found[metric].classes):
                own = whole["classes"][label]
                sums = found[metric].values[:, i].sum(axis=0).tolist()
                assert sums == [own["tp"], own["fp"], own["fn"]]


def values(table, **wanted):
    """Rows of the frame with these values."""
    frame = table.frame
    for column, value in wanted.items():
        frame = frame[frame[column] == value]
    return frame


def test_the_table_has_both_and_their_difference(results):
    table = make_table("repaired", results)
    order = table.frame.drop_duplicates(["system", "split"])
    assert list(zip(order["system"], order["split"], strict=True)) == [
        (system, split) for system in SYSTEMS for split in SPLITS
    ]
    rows = values(table, system="pts_tfd", split="evaluation", metric="event")
    original, repaired, moved = (rows[rows["column"] == c].iloc[0] for c in rows["column"])
    own = results.interval("evaluation", "pts_tfd", "event")
    assert (original["value"], original["low"], original["high"]) == (own.mean, own.low, own.high)
    change = repaired["value"] - original["value"]
    assert moved["value"] == pytest.approx(change)
    assert moved["low"] <= change <= moved["high"]
    labels = load_repair(results, "evaluation")
    assert moved["repairs"] == labels.rules().total() and moved["clips_repaired"] == len(
        labels.repairs
    )
    line = [str(cell) for cell in lines(table)[3].cells]
    assert line[2] == f"{own.mean:.1f} [{own.low:.1f}, {own.high:.1f}]"
    assert line[4].startswith(f"{change:+.2f} [")
    assert line[-2:] == [str(labels.rules().total()), str(len(labels.repairs))]
    assert table.data["repairs"]["evaluation"]["overlap"] == labels.rules()["overlap"] > 0
    largest = values(table, column="change")["value"].abs().max()
    assert f"by more than {largest:.2f} points**" in markdown(table)
    merged = f"groups of overlapping events merged: {labels.rules()['overlap']}"
    assert merged in markdown(table) and table.data["made"]


def test_mended_clips_that_were_not_scored_do_not_count(tmp_path):
    results = make(tmp_path, clips=12, seeds=1)
    split, system = "evaluation", "pts"
    labels = load_repair(results, split)
    gone = next(iter(labels.repairs))
    tags = results.tags(split, system)
    rows = tags.read_text().splitlines(keepends=True)
    tags.write_text("".join(row for row in rows if not row.startswith(f"{gone}\t")))
    guess = read_events(results.events(split, system))
    del guess[gone]
    write_events(results.events(split, system), guess)
    score(results, split, system, 0, results.folder / "score" / split / system / "seed0")
    ((clips, found),) = repaired_counts(results, labels, split, system)
    assert gone not in clips and clips == set(labels.repairs) - {gone}
    assert gone not in found["event"].names and found["event"].clips == 11


def test_clean_labels_need_no_events(tmp_path):
    results = make(tmp_path, clips=8, seeds=1)
    for split in SPLITS:
        name = results.config.dataset_file.splits[split].annotations
        results.annotations(split).write_bytes((results.folder / "repair" / name).read_bytes())
    repair(results)
    for split in SPLITS:
        results.events(split, "pts").unlink()
    table = make_table("repaired", results)
    assert "**The repaired labels change no score.**" in markdown(table)
    line = [str(cell) for cell in lines(table)[0].cells]
    assert line[4] == "+0.00 [+0.00, +0.00]" and line[-2:] == ["0", "0"]
    assert "Repairs: development (none); evaluation (none)." in markdown(table)


def test_without_a_repair_it_was_not_run(tmp_path):
    config = make_root(tmp_path, systems=SYSTEMS)
    table = make_table("repaired", Results.of(config, make_results(config, clips=8)))
    line = [str(cell) for cell in lines(table)[0].cells]
    assert line[3:5] == ["not run", "not run"] and "[" in line[2]
    assert "No labels were repaired" in markdown(table) and not table.data["made"]
    assert values(table, column="repaired")["value"].isna().all()


def test_a_stale_repair_is_refused(tmp_path):
    results = make(tmp_path, clips=8, seeds=1)
    log = results.folder / "repair" / "repair.json"
    change(log, manifest_sha256="e" * 64)
    with pytest.raises(ResultsError, match="made with manifest eeeeeeeeeeee; the audit has"):
        load_repair(results, "evaluation")
    repair(results)
    copy = results.folder / "repair" / results.config.dataset_file.splits["evaluation"].annotations
    copy.write_text(copy.read_text() + "new.wav\t\t\t\n")
    with pytest.raises(ResultsError, match=f"{copy}: changed since the repair"):
        load_repair(results, "evaluation")
    log.write_text("{}")
    with pytest.raises(ResultsError, match=r"repair\.json: dataset is missing; run resed repair"):
        load_repair(results, "evaluation")


def test_events_that_were_not_scored_are_refused(tmp_path):
    results = make(tmp_path, clips=8, seeds=1)
    labels = load_repair(results, "evaluation")
    path = results.events("evaluation", "pts")
    found = read_events(path)
    write_events(path, {clip: [] for clip in found})
    with pytest.raises(
        ResultsError, match=f"{path}: the events do not agree with the event counts"
    ):
        list(repaired_counts(results, labels, "evaluation", "pts"))
    path.unlink()
    with pytest.raises(MissingFileError, match="run resed decode for pts on evaluation"):
        list(repaired_counts(results, labels, "evaluation", "pts"))


def test_the_real_labels_against_their_own_repair(shared, tmp_path):
    """The largest loss of the best detector of the original labels, as in docs/repair.md."""
    dataset, root = load_dataset("dcase2019"), shared / "data" / "dcase2019"
    repair_dataset(dataset, root, tmp_path, report=str)
    found = {}
    for split in SPLITS:
        place = dataset.splits[split].annotations
        original, mended = read_events(root / place), read_events(tmp_path / place)
        counts = event_counts(mended, original, list(original))
        found[split] = counts.summary()["macro_f1"]
    assert found == {"development": pytest.approx(0.99783, abs=5e-6), "evaluation": 1.0}
