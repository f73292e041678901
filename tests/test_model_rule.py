"""Choice of a training on development, and the card of the model that is made of it."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import test_acquire_soundbank
import torch
from runs import REPOSITORY
from typer.testing import CliRunner

from resed.acquire.soundscapes.soundbank_list import attributions
from resed.cli import app
from resed.config.dataset import load_dataset
from resed.errors import ConfigError, ResultsError
from resed.export import model_card as cards
from resed.export.choice import candidates, choice
from resed.export.model_card_text import card_text
from resed.export.model_texts import read_about
from resed.formats.choice import read_choice, write_choice
from resed.formats.counts import Counts, write_counts
from resed.formats.thresholds import write_thresholds
from resed.results.layout import Layout
from resed.settings import FeatureSettings
from resed.stats.intervals import interval

bank, esc10 = test_acquire_soundbank.bank, test_acquire_soundbank.esc10
CLASSES = ("cat", "dog")


def thresholds(path, **scores):
    """A file of thresholds per class with these scores on development."""
    classes = {
        label: {"threshold": 0.3, "events": 30, "event_f1": f1, "fallback": ""}
        for label, f1 in scores.items()
    }
    found = {"threshold": 0.5, "format": 1, "class_threshold_events": 20, "classes": classes}
    write_thresholds(path, found)
    return path


# ---- choice --------------------------------------------------------------------------------


def test_the_highest_mean_over_classes_on_development_is_chosen(tmp_path):
    files = {
        "a/seed0": thresholds(tmp_path / "0.json", cat=0.9, dog=0.1),
        "a/seed1": thresholds(tmp_path / "1.json", cat=0.5, dog=0.7),
        "b/seed0": thresholds(tmp_path / "2.json", dog=0.7, cat=0.5),  # as good as a/seed1
    }
    ordered = candidates(files)
    assert [one.name for one in ordered] == ["a/seed1", "b/seed0", "a/seed0"]
    assert [one.event_macro_f1 for one in ordered] == pytest.approx([0.6, 0.6, 0.5])
    write_choice(tmp_path / "choice.json", choice(ordered))
    read = read_choice(tmp_path / "choice.json")
    assert read["chosen"] == "a/seed1"
    assert read["event_macro_f1"] == {one.name: one.event_macro_f1 for one in ordered}


def test_candidates_have_the_same_classes_and_thresholds_for_each(tmp_path):
    one = thresholds(tmp_path / "1.json", cat=0.5, dog=0.7)
    with pytest.raises(ResultsError, match=r"2\.json: has other classes than .*1\.json"):
        candidates({"a": one, "b": thresholds(tmp_path / "2.json", cat=0.5)})
    write_thresholds(tmp_path / "3.json", {"threshold": 0.5})
    with pytest.raises(ResultsError, match=r"3\.json: has no thresholds per class; .*--per-class"):
        candidates({"a": tmp_path / "3.json"})


def test_a_choice_names_one_of_its_candidates(tmp_path):
    path = tmp_path / "choice.json"
    write_choice(path, {"chosen": "c", "by": "x", "event_macro_f1": {"a": 0.5}})
    with pytest.raises(ResultsError, match="chosen is none of event_macro_f1"):
        read_choice(path)
    write_choice(path, {"chosen": "a", "by": "x", "event_macro_f1": {"a": 0.5, "b": 0.6}})
    with pytest.raises(ResultsError, match="chosen has not the highest event_macro_f1"):
        read_choice(path)
    write_choice(path, {"chosen": "a", "by": "x", "event_macro_f1": {"a": 1.5}})
    with pytest.raises(ResultsError, match="event_macro_f1"):
        read_choice(path)


def test_resed_choose_copies_the_files_of_the_best(tmp_path):
    words = []
    for name, f1, tag in (("a/seed0", 0.4, 0.25), ("a/seed1", 0.6, 0.75)):
        stem = tmp_path / name.replace("/", "_")
        thresholds(stem.with_suffix(".json"), cat=f1)
        stem.with_suffix(".pt").write_text(f"weights of {name}")
        stem.with_suffix(".tsv").write_text(f"windows of {name}")
        files = {"thresholds": ".json", "checkpoint": ".pt", "windows": ".tsv"}
        for option, ending in files.items():
            words += [f"--{option}", f"{name}={stem.with_suffix(ending)}"]
        words += ["--settings", f'{name}={{"tag_threshold": {tag}}}']
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["choose", *words, "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "a/seed1: event-based macro F1 60.0 %" in result.output
    assert (out / "checkpoint.pt").read_text() == "weights of a/seed1"
    assert (out / "windows.tsv").read_text() == "windows of a/seed1"
    assert (out / "thresholds.json").read_bytes() == (tmp_path / "a_seed1.json").read_bytes()
    assert json.loads((out / "settings.json").read_text())["tag_threshold"] == 0.75
    assert read_choice(out / "choice.json")["chosen"] == "a/seed1"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--thresholds", "a"], "use NAME=VALUE"),
        (["--thresholds", "a=x", "--thresholds", "a=y"], "once per name"),
        (["--thresholds", "a=x"], "has other names than --thresholds"),
    ],
)
def test_wrong_use_of_resed_choose(tmp_path, words, problem):
    others = [w for o in ("checkpoint", "windows", "settings") for w in (f"--{o}", "b=x")]
    command = ["choose", *words, *others, "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert problem in " ".join(result.output.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


# ---- scores of the card --------------------------------------------------------------------


def rates(tp, fp, fn):
    precision, recall = tp / max(1, tp + fp), tp / max(1, tp + fn)
    f1 = 2 * tp / max(1, 2 * tp + fp + fn)
    return {"f1": f1, "precision": precision, "recall": recall, "tp": tp, "fp": fp, "fn": fn}


def score_files(folder, seed, clips=40):
    """metrics.json and counts.tsv of made-up counts; returns the counts."""
    rng = np.random.default_rng(seed)
    names = [f"{n}.wav" for n in range(clips)]
    values = rng.integers(0, 3, (clips, 2, 3))
    counts = Counts.of(names, CLASSES, values)
    total = values.sum(axis=0)
    block = {
        "macro_f1": counts.f1(),
        "micro_f1": rates(*map(int, total.sum(axis=0)))["f1"],
        "classes": {c: rates(*map(int, t)) for c, t in zip(CLASSES, total, strict=True)},
    }
    folder.mkdir(parents=True)
    write_counts(folder / "counts.tsv", {"event": counts, "segment": counts})
    metrics = {"clips": clips, "event": block, "segment": block}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return counts


def test_scores_of_the_card_are_the_intervals_of_the_rows_with_thresholds_per_class(tmp_path):
    made = {}
    for number, split in enumerate(("development", "evaluation")):
        for seed in range(2):
            folder = Layout(tmp_path).scored(split, "own@class_thresholds", seed)
            made[split, seed] = score_files(folder, 10 * number + seed)
    found = cards.scores(tmp_path, ["own/seed0", "own/seed1"], "own/seed1")
    for split in ("development", "evaluation"):
        assert found[split]["clips"] == 40
        for seed in range(2):
            expected = interval([made[split, seed]])
            one = found[split]["candidates"][f"own/seed{seed}"]
            assert (one["f1"], one["low"], one["high"]) == pytest.approx(
                (expected.mean, expected.low, expected.high), abs=0.006
            )
            assert one["f1"] == pytest.approx(100 * made[split, seed].f1(), abs=0.006)
        assert found[split]["event"] == found[split]["candidates"]["own/seed1"]
        for label in CLASSES:
            f1 = made[split, 1].f1(label)
            assert found[split]["classes"][label]["f1"] == pytest.approx(100 * f1, abs=0.006)
        assert "tags_raw" not in found[split]


@pytest.mark.parametrize("name", ["own", "own/seed", "own/seedx", "/seed1"])
def test_candidates_are_named_by_system_and_seed(name):
    with pytest.raises(ResultsError, match="names no system and seed"):
        cards.training_of(name)


# ---- recordings of the card ----------------------------------------------------------------


class Constant(torch.nn.Module):
    """A network whose highest tag is that of one class, for any recording."""

    def __init__(self, classes, best):
        super().__init__()
        self.tags = torch.tensor([[0.9 if one == best else 0.1 for one in classes]])

    def forward(self, mels):
        assert mels.shape == (1, 30, 64)
        return SimpleNamespace(tags=self.tags)


def test_single_recordings_are_tagged_as_they_are(esc10, bank):
    """One recording of each of ten classes per fold; the interval is Wilson's formula."""
    trained = SimpleNamespace(
        features=FeatureSettings(hop=1764, frames=30, scale="linear"),
        classes=list(esc10.classes),
        networks=SimpleNamespace(student=Constant(esc10.classes, "rain")),
    )
    found = cards.single_recordings(trained, esc10, bank)
    assert list(found) == ["development", "evaluation"]
    n, p, z = 10, 0.1, 1.959963985
    middle, half = p + z**2 / (2 * n), z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    low, high = ((middle + sign * half) / (1 + z**2 / n) for sign in (-1, 1))
    for one in found.values():
        assert (one["recordings"], one["right"], one["percent"]) == (10, 1, 10.0)
        assert (one["low"], one["high"]) == pytest.approx((100 * low, 100 * high), abs=0.06)
        assert one["classes"] == {c: int(c == "rain") for c in esc10.classes}


def test_recordings_have_their_author_and_licence(esc10, bank):
    rows = (bank / "clips.csv").read_text().splitlines()
    head = rows[0] + ",title,author,url,license,license_url,other"
    full = [f"{row},a title,somebody,https://a.org,CC0,https://b.org,x" for row in rows[1:]]
    (bank / "clips.csv").write_text("\n".join([head, full[0], *[f"{r},,,,,," for r in rows[2:]]]))
    first = rows[1].split(",")[0]
    assert attributions(bank)[first] == {
        "title": "a title",
        "author": "somebody",
        "url": "https://a.org",
        "license": "CC0",
        "license_url": "https://b.org",
    }
    used = cards.recordings(esc10, bank)
    assert len(used) == 50
    assert {one["file"]: one for one in used}[first]["author"] == "somebody"
    assert cards.licences(used) == {"": 49, "CC0": 1}


def test_the_public_list_has_no_authors(esc10, bank):
    (bank / "meta").mkdir()
    rows = (bank / "clips.csv").read_text().replace("file,class,fold", "filename,category,fold")
    (bank / "meta" / "esc50.csv").write_text(rows)
    (bank / "clips.csv").unlink()
    assert set(map(len, attributions(bank).values())) == {0}


def test_folds_and_recordings_left_out_are_facts_of_the_data():
    trained = SimpleNamespace(training={"data": {"clips": {"strong": 6000}}})
    found = cards.data(load_dataset("everyday", REPOSITORY), trained)
    assert found["folds"] == {"training": [1, 2, 3], "development": [4], "evaluation": [5]}
    assert found["left_out"] == ["1-40730-A", "2-96460-A"]
    assert found["clips"] == {"strong": 6000}


# ---- text of the card ----------------------------------------------------------------------

CARD = {
    "name": "own",
    "about": {"title": "A <b>title</b>", "purpose": "P.", "limits": ["L1"], "privacy": "Private."},
    "data": {
        "dataset": "D",
        "note": "N.",
        "clips": {"strong": 6},
        "folds": {"training": [1, 2]},
        "source": "https://a.org",
        "left_out": [],
    },
    "training": {
        "system": "own",
        "seed": 1,
        "epochs": 3,
        "batch": {"strong": 4},
        "augment": {"gain": 1.0},
        "parameters": 12345,
    },
    "choice": {"chosen": "own/seed1", "by": "rule", "event_macro_f1": {"own/seed1": 0.612}},
    "scores": {
        "evaluation": {
            "clips": 40,
            "candidates": {"own/seed1": {"f1": 58.1, "low": 50, "high": 66.04}},
            "event": {"f1": 58.1, "low": 50, "high": 66.04},
            "classes": {"cat|dog": {"f1": 1, "low": 0, "high": 2}},
        }
    },
    "single_recordings": {
        "evaluation": {
            "recordings": 10,
            "right": 7,
            "percent": 70.0,
            "low": 39.7,
            "high": 89.2,
            "classes": {"cat": 7},
        }
    },
    "licences": {"CC0": 1},
    "recordings": [{"file": "a.ogg", "class": "cat", "fold": 1, "author": "A|B"}],
}


def test_the_card_shows_all_facts_and_escapes_what_is_from_outside():
    text = card_text(CARD)
    for words in (
        "| Events (onset and offset) | 58.1 [50.0, 66.0] |",
        "| Segments of one second | – |",
        "| Events: cat&#124;dog | 1.0 [0.0, 2.0] |",
        "| Events: own/seed1 (chosen) | 58.1 [50.0, 66.0] |",
        "Of 10 single recordings of the evaluation folds, not mixed, 7 have their class as the "
        "highest tag: 70.0 % [39.7, 89.2]. By class: cat 7.",
        "own/seed1 was chosen by rule (own/seed1 61.2)",
        "## What it cannot do\n\n- L1\n",
        "## Privacy\n\nPrivate.\n",
        "- Folds: training 1, 2\n",
        "- Recordings left out: none\n",
        "- Parameters: 12,345\n",
        "| a.ogg | 1 |  | A&#124;B |  |  |",
    ):
        assert words in text
    assert "<b>" not in text
    assert "There are no recordings" not in text
    assert "there are no recordings" in card_text({**CARD, "recordings": []})


def test_texts_about_a_model_are_closed(tmp_path):
    shutil.copy(REPOSITORY / "config" / "models" / "everyday.yaml", tmp_path / "a.yaml")
    found = read_about(tmp_path / "a.yaml")
    assert len(found["limits"]) > 3 and "baby_cry" in found["privacy"]
    (tmp_path / "b.yaml").write_text("titel: x\n")
    with pytest.raises(ConfigError, match="titel"):
        read_about(tmp_path / "b.yaml")
