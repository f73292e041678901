"""The HTML page of an audit: one file without external resources, most important first."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from resed.audit.finding_kinds import FINDING_KINDS
from resed.audit.summary import refusal_reasons
from resed.config.dataset import Dataset

LONGEST_LIST = 200  # unusable clips on the page; manifest.tsv lists all of them
LEVELS = {
    "refusal": ("Refusals", "The run stops until these are corrected."),
    "warning": ("Warnings", "The run continues; these may change its results."),
    "note": ("Notes", "Common or harmless; useful when results are compared."),
}
BY = {
    "bytes": "byte for byte",
    "rows": "the same rows",
    "count": "only by the number of rows",
    None: "unknown version",
}
STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border-bottom: 1px solid #ccc; padding: .25rem .7rem; text-align: left;
  vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
code { overflow-wrap: anywhere; }
.verdict { padding: .6rem 1rem; border-left: .4rem solid #2a7; background: #f2faf5; }
.verdict.refusal { border-color: #c33; background: #fdf3f3; }
section.finding { margin: 1rem 0; padding: .1rem 1rem; border-left: .4rem solid #aaa; }
section.finding.refusal { border-color: #c33; }
section.finding.warning { border-color: #d90; }
section.finding h3 { margin: .4rem 0; font-size: 1rem; }
section.finding p { margin: .3rem 0; }
section.finding details { margin: .3rem 0; }
section.finding ul { margin: .3rem 0; padding-left: 1.2rem; font-size: .9rem; }
.share { color: #666; }
"""


def page(dataset: Dataset, summary: Mapping[str, Any]) -> str:
    """The page for the content of audit.json."""
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<title>Audit of {escape(dataset.name)}</title><style>{STYLE}</style>"
        f"<h1>Audit: {escape(dataset.title)}</h1><p>{escape(dataset.note)}</p>"
        f"{_verdict(summary)}<h2>Clips</h2>{_clips(summary['splits'])}"
        f"{_findings(summary['findings'])}"
        f"<h2>Classes</h2>{_classes(dataset, summary['splits'])}"
        f"<h2>Annotation files</h2>{_annotations(summary['splits'])}"
        f"{_problems(summary)}{_clean(summary['findings'])}</html>\n"
    )


def _verdict(summary: Mapping[str, Any]) -> str:
    kind, words = "", "The dataset is accepted."
    if not summary["go"]:
        kind, words = " refusal", f"The dataset is refused: {escape(refusal_reasons(summary))}."
    return (
        f"<p class='verdict{kind}'><strong>{words}</strong><br>"
        f"{summary['ok']} of {summary['clips']} listed clips are usable. Manifest "
        f"<code>{summary['manifest_sha256']}</code>, resed {escape(summary['resed'])}.</p>"
    )


def _clips(splits: Mapping[str, Any]) -> str:
    header = ["split", "usable", "official", "usable of official", "least", "listed", "paper"]
    header += ["hours", "seconds", "rates (Hz)", "channels"]
    rows = (
        [
            split,
            item["usable"],
            item["official"],
            f"{100 * item['usable'] / item['official']:.1f} %" if item["official"] else "",
            f"{100 * item['least']:g} %",
            item["clips"],
            item["paper"] or "",
            f"{item['hours']:.2f}",
            " / ".join(f"{value:g}" for value in item["seconds"].values()),
            _counts(item["rates"]),
            _counts(item["channels"]),
        ]
        for split, item in splits.items()
    )
    return (
        f"{_table(header, rows)}<p>Seconds: shortest / median / longest. Listed: number of clips "
        "in the annotation file. Paper: number of clips in the paper, if it differs from the "
        "official one. Rates and channels: number of clips in brackets.</p>"
    )


def _findings(findings: Sequence[Mapping[str, Any]]) -> str:
    parts = []
    for level, (title, meaning) in LEVELS.items():
        groups: dict[str, list[Mapping[str, Any]]] = {}  # by kind: one section for all splits
        for one in findings:
            if one["level"] == level:
                groups.setdefault(one["id"], []).append(one)
        if groups:
            parts.append(f"<h2>{title} ({sum(map(len, groups.values()))})</h2><p>{meaning}</p>")
            parts += map(_finding, groups.values())
    if not parts:
        return "<p>No findings.</p>"
    return f"{''.join(parts)}<p>findings.tsv lists all of them by the name in brackets.</p>"


def _finding(group: Sequence[Mapping[str, Any]]) -> str:
    first = group[0]
    return (
        f"<section class='finding {first['level']}'><h3>{escape(_title(first['id']))} "
        f"<span class=share>({escape(first['id'])})</span></h3>{''.join(map(_of_split, group))}"
        f"<p><em>Effect.</em> {escape(first['effect'])} <em>Cure.</em> "
        f"{escape(first['cure'])}</p></section>"
    )


def _of_split(one: Mapping[str, Any]) -> str:
    """One finding in one split: its number or its details, and examples."""
    where, published = escape(one["split"]), escape(one["published_in"])
    note = f" (as published in {published})" if published else ""
    head = f"<strong>{one['count']}</strong> in {where}{note}"
    if one["detail"]:
        head = f"<strong>{where}</strong>: {escape(one['detail'])}{note}"
    names = "".join(f"<li>{escape(example)}</li>" for example in one["examples"])
    if not names:
        return f"<p>{head}</p>"
    more = one["count"] - len(one["examples"])
    names += f"<li>and {more} more</li>" if more > 0 else ""
    if one["level"] == "note":
        return f"<details><summary>{head}</summary><ul>{names}</ul></details>"
    return f"<p>{head}</p><ul>{names}</ul>"


def _title(kind: str) -> str:
    return FINDING_KINDS[kind].title


def _classes(dataset: Dataset, splits: Mapping[str, Any]) -> str:
    labelled = {split: item for split, item in splits.items() if item["classes"]}
    rows = []
    for label in dataset.classes:
        cells: list[object] = [label]
        for item in labelled.values():
            clips = item["classes"][label]
            cells.append(f"{clips['usable']} of {clips['clips']}")
            if "events_of_class" in item["annotations"]:
                cells.append(item["annotations"]["events_of_class"][label])
        rows.append(cells)
    header = ["class"]
    for split, item in labelled.items():
        header.append(f"{split}: clips")
        header += ["events"] if "events_of_class" in item["annotations"] else []
    return (
        f"{_table(header, rows)}<p>Clips: usable clips of the listed clips with the class. Events: "
        "all events in the annotations.</p>"
    )


def _annotations(splits: Mapping[str, Any]) -> str:
    header = ["split", "rows", "published version", "recognised", "clips without events"]
    header += ["overlaps", "past the end", "gaps < 150 ms", "sha256"]
    rows = []
    for split, item in splits.items():
        version, notes = item["version"], item["annotations"]
        by = BY[version["by"]] if version["sha256"] else "no file"
        keys = ("clips_without_events", "overlaps_in_a_class", "offsets_past_the_end")
        counts = [notes.get(key, "") for key in (*keys, "gaps_below_150_ms")]
        name = version["version"] or ""
        rows.append([split, version["rows"], name, by, *counts, version["sha256"][:12]])
    return _table(header, rows)


def _problems(summary: Mapping[str, Any]) -> str:
    problems, parts = summary["problems"], []
    if problems:
        rows = [
            [item["split"], item["filename"], item["status"]] for item in problems[:LONGEST_LIST]
        ]
        more = ""
        if len(problems) > LONGEST_LIST:
            more = f"<p>The first {LONGEST_LIST}; manifest.tsv lists all.</p>"
        parts.append(f"<h2>{len(problems)} unusable clips</h2>{more}")
        parts.append(_table(["split", "clip", "status"], rows))
    return "".join(parts)


def _clean(findings: Sequence[Mapping[str, Any]]) -> str:
    """The kinds of findings that were checked and not found."""
    found = {one["id"] for one in findings}
    titles = [_title(kind) for kind in FINDING_KINDS if kind not in found]
    items = "".join(f"<li>{escape(title)}</li>" for title in titles)
    return f"<h2>Checked and not found</h2><ul>{items}</ul>"


def _counts(values: Mapping[str, int]) -> str:
    ordered = sorted(values.items(), key=lambda item: int(item[0]))
    return ", ".join(f"{key} ({number})" for key, number in ordered)


def _table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head = "".join(f"<th>{escape(cell)}" for cell in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}" for row in rows)
    return f"<table><tr>{head}{body}</table>"


def _cell(value: object) -> str:
    kind = " class=number" if isinstance(value, int) else ""
    return f"<td{kind}>{escape(str(value))}"
