"""`resed score --scores` and `resed predict --scores`: anybody's detector, from score TSVs."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from small_models import features, settings, small_checkpoint, small_store
from test_psds_resamples import LABELS, made
from typer.testing import CliRunner

from resed.cli import app
from resed.errors import ResedError
from resed.formats.annotations import Event, tags_of, write_events, write_tags
from resed.formats.metrics import read_metrics
from resed.formats.posteriors import Posteriors
from resed.formats.score_tsv import read_scores, stem, write_scores
from resed.score.psds import SCENARIOS, sed_scores_eval
from resed.score.score_folder import score_folder
from resed.stats.intervals import interval_of


def run(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, f"{done.output}\n{done.exception!r}"
    if code != 1:
        return done.output
    assert isinstance(done.exception, ResedError)
    return str(done.exception)


@pytest.fixture
def folder(tmp_path):
    """Score TSVs of 30 clips of several lengths, and their reference."""
    scores, truth = made(3, gain=3.5)
    for (values, times), clip in zip(scores, truth, strict=True):
        write_scores(tmp_path / "scores" / f"{stem(clip)}.tsv", times, values, LABELS)
    events = {clip: [Event(clip, *one) for one in found] for clip, found in truth.items()}
    write_events(tmp_path / "reference.tsv", events, decimals=9)
    return tmp_path


def by_hand(folder):
    """What sed_scores_eval gives, called on the same files."""
    module, scores, reference = sed_scores_eval(), folder / "scores", folder / "reference.tsv"
    durations = {
        path.stem: float(path.read_text().splitlines()[-1].split("\t")[1])
        for path in scores.iterdir()
    }
    found = {
        name: module.intersection_based.psds(
            str(scores), str(reference), durations, **asdict(criteria)
        )[0]
        for name, criteria in SCENARIOS.items()
    }
    tags = module.io.read_ground_truth_tags(reference)[0]
    tags = {clip: sorted(set(labels)) for clip, labels in tags.items()}
    found["map"] = module.clip_based.average_precision(str(scores), tags)[0]["mean"]
    return found


def test_scores_equal_sed_scores_eval_by_hand(folder):
    out, expected = folder / "m.json", by_hand(folder)
    printed = run(
        *("score", "--reference", folder / "reference.tsv", "--scores", folder / "scores"),
        *("--out", out),
    )
    metrics = json.loads(out.read_text())
    assert metrics["clips"] == 30 and "event" not in metrics
    for name in ("psds1", "psds2", "map"):
        assert metrics[name] == pytest.approx(expected[name], abs=1e-9)
        assert 0.05 < metrics[name] < 0.99
        low, high = metrics["scores"]["intervals"][name]
        assert 0 <= low < metrics[name] < high <= 1
        line = f"{name} {100 * metrics[name]:.1f} ({100 * low:.1f} to {100 * high:.1f})"
        assert line in printed
    settings = metrics["scores"]["settings"]
    assert settings["psds1"] == asdict(SCENARIOS["psds1"])
    assert (settings["level"], settings["resamples"], settings["seed"]) == (0.95, 1000, 2019)


def test_scores_stand_beside_f1_and_are_read_back(folder):
    arguments = ["score", "--reference", folder / "reference.tsv", "--out"]
    both = ["--estimated", folder / "reference.tsv", "--scores", folder / "scores"]
    run(*arguments, folder / "m.json", *both)
    run(*arguments, folder / "again.json", *both)
    assert (folder / "m.json").read_bytes() == (folder / "again.json").read_bytes()
    metrics = read_metrics(folder / "m.json")
    assert metrics["event"]["macro_f1"] == metrics["segment"]["macro_f1"] == 1.0
    run(*arguments, folder / "alone.json", *both[:2])
    alone = read_metrics(folder / "alone.json")
    assert {key: metrics[key] for key in alone if key not in ("versions", "made_by")} == {
        key: value for key, value in alone.items() if key not in ("versions", "made_by")
    }
    assert metrics.keys() - alone.keys() == {"psds1", "psds2", "map", "mauc", "scores"}


def test_reference_tags_clips_and_until_are_used(folder):
    _, truth = made(3, gain=3.5)
    events = {clip: [Event(clip, *one) for one in found] for clip, found in truth.items()}
    some = list(truth)[5:20]
    (folder / "clips.tsv").write_text("filename\n" + "".join(f"{clip}\n" for clip in some))
    tags = {clip: (LABELS[index % 3],) for index, clip in enumerate(truth)}
    write_tags(folder / "tags.tsv", tags)
    run(
        *("score", "--reference", folder / "reference.tsv", "--scores", folder / "scores"),
        *("--clips", folder / "clips.tsv", "--reference-tags", folder / "tags.tsv"),
        *("--until", 9.0, "--out", folder / "m.json"),
    )
    metrics = json.loads((folder / "m.json").read_text())
    from resed.formats.reference import read_reference

    cut = read_reference(folder / "reference.tsv", until=9.0)
    expected = score_folder(folder / "scores", cut, tags, some)
    assert metrics["clips"] == 15 and cut != events
    assert {name: metrics[name] for name in expected.values} == dict(expected.values)
    other = score_folder(folder / "scores", events, tags_of(events), some)
    assert all(other.values[name] != expected.values[name] for name in other.values)


def test_intervals_are_those_of_the_bootstrap(folder):
    _, truth = made(3, gain=3.5)
    events = {clip: [Event(clip, *one) for one in found] for clip, found in truth.items()}
    found = score_folder(folder / "scores", events, tags_of(events), list(truth), resamples=300)
    for name, ends in found.intervals().items():
        one = interval_of(
            np.array([100 * found.values[name]]), 100 * found.resampled[name][None], len(truth)
        )
        assert [100 * end for end in ends] == pytest.approx([one.low, one.high])
        spread = 100 * np.nanstd(found.resampled[name], ddof=1)
        assert one.low == pytest.approx(max(0.0, one.mean - 2.0452 * spread), abs=1e-3)
        assert one.high == pytest.approx(min(100.0, one.mean + 2.0452 * spread), abs=1e-3)


def test_clips_that_the_reference_lacks_have_no_events(folder):
    lines = (folder / "reference.tsv").read_text().splitlines()
    empty = [line.split("\t")[0] for line in lines if line.endswith("\t\t\t")]
    assert empty
    kept = [line for line in lines if not line.endswith("\t\t\t")]
    (folder / "short.tsv").write_text("\n".join(kept) + "\n")
    run(
        *("score", "--reference", folder / "short.tsv", "--scores", folder / "scores"),
        *("--out", folder / "m.json"),
    )
    metrics, expected = json.loads((folder / "m.json").read_text()), by_hand(folder)
    assert metrics["clips"] == 30
    for name in SCENARIOS:
        assert metrics[name] == pytest.approx(expected[name], abs=1e-9)


def test_events_that_overlap_are_joined_with_a_note(folder):
    with (folder / "reference.tsv").open("a") as handle:
        handle.write("c0.wav\t1.0\t2.0\ta\nc0.wav\t1.5\t3.0\ta\n")
    run(
        *("score", "--reference", folder / "reference.tsv", "--scores", folder / "scores"),
        *("--out", folder / "m.json"),
    )
    notes = json.loads((folder / "m.json").read_text())["scores"]["notes"]
    assert any("joined with an event of the same class" in note for note in notes)


def test_misfits_are_refused_in_one_line(folder):
    arguments = ["score", "--reference", folder / "reference.tsv", "--out", folder / "m.json"]
    arguments += ["--scores", folder / "scores"]
    path = folder / "scores" / "c7.tsv"
    text = path.read_text()
    path.unlink()
    assert "1 of 30 clips have no score file (c7.wav); write c7.tsv" in run(*arguments, code=1)
    path.write_text(text.replace("\tb", "\tx", 1))
    assert f"{path}: has other classes than the first file (b, x)" in run(*arguments, code=1)
    path.write_text(text.replace("\ta\tb", "\tb\ta", 1))
    run(*arguments)
    path.write_text(text)
    with (folder / "reference.tsv").open("a") as handle:
        handle.write("c0.wav\t1.0\t2.0\tzebra\n")
    assert "no column of the class zebra of the reference" in run(*arguments, code=1)
    assert run(*arguments[:4], folder / "scores" / "c7.tsv", *arguments[5:], code=1).startswith(
        "--out:"
    )
    run(*arguments, "--posteriors", "p.npz", "--windows", "w.tsv", code=2)
    run(*arguments, "--row", "pts", "--results", folder, code=2)
    run(*arguments[:5], code=2)


def test_a_folder_without_reference_events_has_no_score(folder):
    names = [f"c{index}.wav\t\t\t\n" for index in range(30)]
    (folder / "none.tsv").write_text("filename\tonset\toffset\tevent_label\n" + "".join(names))
    printed = run(
        *("score", "--reference", folder / "none.tsv", "--scores", folder / "scores"),
        *("--out", folder / "m.json"),
    )
    metrics = json.loads((folder / "m.json").read_text())
    assert [metrics[name] for name in ("psds1", "psds2", "map", "mauc")] == [None] * 4
    assert metrics["scores"]["intervals"] == dict.fromkeys(("psds1", "psds2", "map", "mauc"))
    assert "psds1 -, psds2 -, map -" in printed


def test_predict_writes_what_score_reads(tmp_path):
    checkpoint = small_checkpoint(tmp_path / "checkpoint.pt", settings())
    store = small_store(tmp_path / "e.store", features(settings()))
    run(
        *("predict", "--checkpoint", checkpoint, "--store", f"evaluation={store}"),
        *("--out", f"evaluation={tmp_path / 'e.npz'}"),
        *("--scores", f"evaluation={tmp_path / 'scores'}", "--device", "cpu"),
    )
    posteriors = Posteriors.load(tmp_path / "e.npz")
    assert len(list((tmp_path / "scores").iterdir())) == len(posteriors.clips)
    for clip, frames in zip(posteriors.clips, posteriors.frames, strict=True):
        found = read_scores(tmp_path / "scores" / f"{stem(clip)}.tsv")
        assert list(found.classes) == posteriors.classes
        assert (found.values.astype(np.float32) == frames).all()
        expected = np.arange(len(frames) + 1) * posteriors.seconds_per_frame
        assert found.times == pytest.approx(expected, abs=1e-6)
    events = {clip: [] for clip in posteriors.clips}
    for index, clip in enumerate(posteriors.clips):
        label = posteriors.classes[index % len(posteriors.classes)]
        events[clip].append(Event(clip, 0.0, posteriors.seconds / 2, label))
    write_events(tmp_path / "reference.tsv", events, decimals=6)
    run(
        *("score", "--reference", tmp_path / "reference.tsv", "--scores", tmp_path / "scores"),
        *("--out", tmp_path / "m.json"),
    )
    metrics = json.loads((tmp_path / "m.json").read_text())
    for name, value in by_hand(tmp_path).items():
        assert metrics[name] == pytest.approx(value, abs=1e-9)


def test_predict_replaces_no_file_of_another_kind(tmp_path):
    checkpoint = small_checkpoint(tmp_path / "checkpoint.pt", settings())
    store = small_store(tmp_path / "e.store", features(settings()))
    words = ["predict", "--checkpoint", checkpoint, "--split", "evaluation", "--store", store]
    words += ["--out", tmp_path / "e.npz", "--scores", tmp_path / "scores", "--device", "cpu"]
    run(*words)
    first = {path: path.read_bytes() for path in (tmp_path / "scores").iterdir()}
    run(*words)
    assert first == {path: path.read_bytes() for path in (tmp_path / "scores").iterdir()}
    mine = next(iter(first))
    mine.write_text("filename\tonset\n")
    problem = run(*words, code=1)
    assert problem.startswith(f"{mine}: is not a score file") and mine.read_text() == (
        "filename\tonset\n"
    )
    run(*words[:-4], "--scores", f"weak={tmp_path / 's'}", code=2)


def test_a_long_recording_is_refused_and_not_computed_for_hours(tmp_path, monkeypatch):
    monkeypatch.setattr("resed.score.score_folder.MOST_FRAMES", 10)
    write_scores(tmp_path / "s" / "a.tsv", np.arange(12), np.zeros((11, 1)), ["dog"])
    with pytest.raises(ResedError, match="11 frames; at most 10 are scored; cut the recording"):
        score_folder(tmp_path / "s", {"a.wav": []}, {}, ["a.wav"])
