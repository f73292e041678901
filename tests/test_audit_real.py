"""audit on the real annotations: exactly the defects that they have, each with its line.

The literal rows below were found with pandas and by eye, and are counted once more here by plain
means that share nothing with the audit.
"""

import json
import shutil
from collections import Counter

import audits
import pandas as pd
import pytest
from audits import rows

from resed.config.dataset import load_dataset

FILES = {
    "weak": "train/weak.tsv",
    "unlabeled": "train/unlabel_in_domain.tsv",
    "strong": "train/synthetic.tsv",
    "development": "validation/validation.tsv",
    "evaluation": "eval/public.tsv",
}
DEFECTS = {  # (kind, split) -> (clip, line) of each
    ("overlap", "strong"): [
        ("2758.wav", 3368),
        ("2787.wav", 3411),
        ("2817.wav", 3445),
        ("2910.wav", 3582),
        ("2957.wav", 3644),
        ("3910.wav", 4862),
    ],
    ("overlap", "development"): [
        ("Y2DF8mtDke8k_460.000_470.000.wav", 150),
        ("Y2DF8mtDke8k_460.000_470.000.wav", 151),
        ("Y2DF8mtDke8k_460.000_470.000.wav", 153),
        ("Y2DF8mtDke8k_460.000_470.000.wav", 154),
        ("Y5qx1HGIWJww_170.000_180.000.wav", 291),
        ("Y5qx1HGIWJww_170.000_180.000.wav", 292),
        ("Y5qx1HGIWJww_170.000_180.000.wav", 297),
        ("Y5qx1HGIWJww_170.000_180.000.wav", 298),
        ("Y6PwBeL3Abl8_60.000_70.000.wav", 327),
        ("Y6PwBeL3Abl8_60.000_70.000.wav", 328),
        ("Y4trGKbbTmC4_30.000_40.000.wav", 831),
        ("Y4trGKbbTmC4_30.000_40.000.wav", 827),
    ],
    ("past_end", "development"): [
        ("Y4p-h_aOrhIw_30.000_40.000.wav", 804),  # 10.115 s
        ("YDPNmUOnE83o_10.000_20.000.wav", 2769),  # 10.003 s
        ("YTx_47yEnfCs_442.000_452.000.wav", 4100),  # 10.049 s
        ("YWBJVzaSvSsg_150.000_160.000.wav", 4184),  # 10.115 s
    ],
    ("past_end", "evaluation"): [("sdHVFACi42A_16_27.wav", 1285)],  # 11.000 s of an 11 s clip
    ("gap", "development"): [
        ("YQFnwnAHcttY_30.000_40.000.wav", 1006),  # 70 ms
        ("YmXhgTalUktk_540.000_550.000.wav", 2803),  # 145 ms
    ],
    ("repeated_tag", "weak"): [
        ("Y79rmTWPTE4k_20.000_30.000.wav", 681),
        ("Y8X4RhPRTYQk_220.000_230.000.wav", 1050),
        ("YAY7QlDwEAH8_0.000_6.000.wav", 1505),
    ],
    ("same_times", "development"): [
        ("YBFEeNJkKx6g_30.000_40.000.wav", 2706),
        ("YVVzipNitrmk_0.000_10.000.wav", 2889),
    ],
}
LEAKS = {
    ("weak", "YAaeemnJDijQ_300.000_310.000.wav", "AaeemnJDijQ_250_260.wav"),
    ("unlabeled", "YW7GdMZgJy64_550.000_560.000.wav", "W7GdMZgJy64_480_490.wav"),
    ("unlabeled", "YaBA1eEsIktM_30.000_40.000.wav", "aBA1eEsIktM_19_29.wav"),
    ("unlabeled", "YWP8aI1IXNCQ_0.000_5.000.wav", "WP8aI1IXNCQ_0_5.wav"),
    ("development", "YL3SIlxdLGxI_340.000_350.000.wav", "L3SIlxdLGxI_65_75.wav"),
}
OF_CLIPS = {"no_clip", "too_few", "missing", "unlike_paper"}  # there is no audio here
OF_RECORDINGS = {"leak", "shared_tests", "same_recording"}


@pytest.fixture(scope="module")
def metadata(shared):
    return shared / "data/dcase2019/metadata"


@pytest.fixture(scope="module")
def tables(metadata):
    return {split: pd.read_csv(metadata / file, sep="\t") for split, file in FILES.items()}


@pytest.fixture(scope="module")
def audited(metadata, tmp_path_factory):
    """The real annotations, audited without audio: root and audit.json's content."""
    root = tmp_path_factory.mktemp("dcase2019")
    shutil.copytree(metadata, root / "metadata", copy_function=shutil.copyfile)
    dataset = load_dataset("dcase2019", audits.REPOSITORY)
    return root, audits.audit(dataset, root)


def test_exactly_these_defects(audited, tables):
    root, _ = audited
    told: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for kind, split, clip, line, _ in rows(root):
        if kind not in OF_CLIPS | OF_RECORDINGS:
            told.setdefault((kind, split), []).append((clip, int(line)))
    table = tables["development"]
    empty = table[table.event_label.isna()]
    silent = sorted(zip(empty.filename, empty.index + 2, strict=True))
    assert len(silent) == 15
    expected = {**DEFECTS, ("no_events", "development"): silent}
    assert {key: sorted(value) for key, value in told.items()} == {
        key: sorted(value) for key, value in expected.items()
    }


def test_overlaps_gaps_and_ends_counted_by_brute_force(tables):
    """Every pair of events of a clip and class, in whole microseconds."""
    found: Counter[tuple[str, str]] = Counter()
    for split in ("strong", "development", "evaluation"):
        table = tables[split].dropna()
        found["past_end", split] += int((table.offset > 10.001).sum())
        for _, group in table.groupby(["filename", "event_label"]):
            spans = sorted(
                (round(a * 1e6), round(b * 1e6)) for a, b in group[["onset", "offset"]].values
            )
            for place, (onset, _) in enumerate(spans[1:], start=1):
                gaps = [onset - offset for _, offset in spans[:place]]
                found["overlap", split] += min(gaps) < 0
                found["gap", split] += 0 <= min(gaps) < 150_000
        assert ((table.offset - table.onset) > 0.2499999).all()
        assert not table.duplicated().any()
    in_time = {"overlap", "gap", "past_end"}
    known = {key: len(value) for key, value in DEFECTS.items() if key[0] in in_time}
    assert {key: number for key, number in found.items() if number} == known


def test_leaks_by_recording(audited, tables):
    """The same, by cutting names at their last two underscores."""
    root, summary = audited
    told = {
        (row[1], row[2], row[4].split(" ")[0].partition("/")[2])
        for row in rows(root)
        if row[0] in {"leak", "shared_tests"}
    }
    assert told == LEAKS
    video = {
        split: {name.rsplit("_", 2)[0][-11:] for name in table.filename}
        for split, table in tables.items()
    }
    shared = {split: video[split] & video["evaluation"] for split in FILES if split != "strong"}
    assert {split: len(ids) for split, ids in shared.items() if split != "evaluation"} == {
        "weak": 1,
        "unlabeled": 3,
        "development": 1,
    }
    assert not (video["weak"] | video["unlabeled"]) & video["development"]
    clips = tables["evaluation"].filename.drop_duplicates()
    again = clips.map(lambda name: name.rsplit("_", 2)[0]).duplicated().sum()
    counts = audits.found(summary)
    assert counts["same_recording", "evaluation"] == again == 15
    same = [row for row in rows(root) if "the same seconds" in row[4]]
    assert [row[2] for row in same] == ["YWP8aI1IXNCQ_0.000_5.000.wav"]


def test_versions_and_counts(audited, tables):
    _, summary = audited
    for split, table in tables.items():
        item = summary["splits"][split]
        assert item["version"]["by"] == "bytes"
        assert item["version"]["rows"] == len(table)
        assert item["official"] == item["clips"] == table.filename.nunique()
        if "event_label" in table:
            counts = item["annotations"]["events_of_class"]
            assert counts == table.event_label.value_counts().to_dict()
            listed = {label: one["clips"] for label, one in item["classes"].items()}
            assert listed == table.groupby("event_label").filename.nunique().to_dict()
    papers = {split: item["paper"] or item["official"] for split, item in summary["splits"].items()}
    assert list(papers.values()) == [1473, 13390, 2045, 1077, 692]


def test_what_is_as_published_is_a_note(audited):
    _, summary = audited
    levels = {(one["id"], one["split"]): one["level"] for one in summary["findings"]}
    assert all(levels[key] == "note" for key in DEFECTS)
    assert levels["leak", "unlabeled"] == levels["leak", "weak"] == "warning"
    json.dumps(summary, allow_nan=False)


def test_the_other_files_are_recognised_too(metadata, tmp_path):
    dataset = load_dataset("dcase2019", audits.REPOSITORY)
    root = tmp_path
    (root / "metadata/validation").mkdir(parents=True)
    target = root / "metadata/validation/validation.tsv"
    for name, clips in (("test_dcase2018", 288), ("eval_dcase2018", 880)):
        shutil.copyfile(metadata / f"validation/{name}.tsv", target)
        item = audits.audit(dataset, root)["splits"]["development"]
        assert (item["version"]["by"], item["clips"]) == ("bytes", clips)
        assert name in item["version"]["note"]
