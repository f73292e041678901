"""The audit as one small page that opens without a network."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from resed.config import Dataset

SHOWN = 200  # problems listed on the page; manifest.tsv has all
STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border-bottom: 1px solid #ccc; padding: .2rem .7rem; text-align: left; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
code { overflow-wrap: anywhere; }
"""


def page(dataset: Dataset, summary: Mapping[str, Any]) -> str:
    """HTML of audit.json's content."""
    splits = summary["splits"]
    overview = _table(
        ["split", "clips", "ok", "hours", "seconds", "rates (Hz)", "channels"],
        (
            [
                split,
                item["clips"],
                item["status"].get("ok", 0),
                f"{item['hours']:.2f}",
                " / ".join(f"{value:g}" for value in item["seconds"].values()),
                _counts(item["rates"]),
                _counts(item["channels"]),
            ]
            for split, item in splits.items()
        ),
    )
    annotated = {split: item["annotations"] for split, item in splits.items()}
    classes = _table(
        ["class", *(split for split, notes in annotated.items() if notes)],
        (
            [label, *(_of_class(notes, label) for notes in annotated.values() if notes)]
            for label in dataset.classes
        ),
    )
    strong = {split: notes for split, notes in annotated.items() if "events" in notes}
    keys = [key for key in next(iter(strong.values()), {}) if key not in {"events_of_class"}]
    odd = _table(
        ["", *strong],
        ([key.replace("_", " "), *(notes[key] for notes in strong.values())] for key in keys),
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<title>Audit of {escape(dataset.name)}</title><style>{STYLE}</style>"
        f"<h1>Audit: {escape(dataset.title)}</h1><p>{escape(dataset.note)}</p>"
        f"<p>{summary['ok']} of {summary['clips']} clips are usable. Manifest "
        f"<code>{summary['manifest_sha256']}</code>, resed {escape(summary['resed'])}.</p>"
        f"<h2>Clips</h2><p>Seconds: shortest / median / longest.</p>{overview}"
        f"<h2>Annotations</h2><p>Events of a class, or clips where only tags are given.</p>"
        f"{classes}{odd}{_problems(summary)}</html>\n"
    )


def _of_class(notes: Mapping[str, Any], label: str) -> int:
    return notes.get("events_of_class", notes.get("clips_of_class", {}))[label]


def _problems(summary: Mapping[str, Any]) -> str:
    problems, parts = summary["problems"], []
    if problems:
        rows = [[item["split"], item["filename"], item["status"]] for item in problems[:SHOWN]]
        more = f"<p>The first {SHOWN}; manifest.tsv has all.</p>" if len(problems) > SHOWN else ""
        parts.append(f"<h2>{len(problems)} clips that cannot be used</h2>{more}")
        parts.append(_table(["split", "clip", "status"], rows))
    if summary["copies"]:
        parts.append("<h2>Equal bytes in more than one split</h2>")
        parts.append(_table(["clips"], ([", ".join(group)] for group in summary["copies"])))
    return "".join(parts)


def _counts(values: Mapping[str, int]) -> str:
    return ", ".join(f"{key} ({number})" for key, number in values.items())


def _table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head = "".join(f"<th>{escape(cell)}" for cell in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}" for row in rows)
    return f"<table><tr>{head}{body}</table>"


def _cell(value: object) -> str:
    kind = " class=number" if isinstance(value, int) else ""
    return f"<td{kind}>{escape(str(value))}"
