"""The audit as one small page that opens without a network: what matters most stands first."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from resed.audit.kinds import KINDS
from resed.config.dataset import Dataset

SHOWN = 200  # problems listed on the page; manifest.tsv has all
LEVELS = {
    "refusal": ("What stops the run", "Nothing is trained until these are mended."),
    "warning": ("Warnings", "The run goes on; these may change its results."),
    "note": ("Notes", "Normal, or harmless; good to know when results are compared."),
}
BY = {
    "bytes": "byte for byte",
    "rows": "the same rows",
    "count": "by its number of rows alone",
    None: "none that is known",
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
    """HTML of audit.json's content."""
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
    refused = [one for one in summary["findings"] if one["level"] == "refusal"]
    kind, words = "", "The run may go on."
    if refused:
        kind = " refusal"
        reasons = "; ".join(f"{one['split']}: {_lower(one['what'])}" for one in refused[:3])
        more = f"; and {len(refused) - 3} more" if len(refused) > 3 else ""
        words = f"The run may not go on. {escape(reasons)}{more}."
    return (
        f"<p class='verdict{kind}'><strong>{words}</strong><br>"
        f"{summary['ok']} of {summary['clips']} listed clips are usable. Manifest "
        f"<code>{summary['manifest_sha256']}</code>, resed {escape(summary['resed'])}.</p>"
    )


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


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
        f"{_table(header, rows)}<p>Seconds: shortest / median / longest. Listed: by the "
        "annotation file that lies there. Paper: where it had another number than the "
        "official. Rates and channels: in brackets, how many clips.</p>"
    )


def _findings(findings: Sequence[Mapping[str, Any]]) -> str:
    parts = []
    for level, (title, meaning) in LEVELS.items():
        own = [one for one in findings if one["level"] == level]
        if own:
            parts.append(f"<h2>{title} ({len(own)})</h2><p>{meaning}</p>")
            parts += [_finding(group) for group in _alike(own)]
    rows = "<p>Every row of every finding stands in <code>findings.tsv</code>, by the name in "
    return "".join(parts) + (f"{rows}brackets.</p>" if parts else "<p>Nothing was found.</p>")


def _alike(findings: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Findings that differ in their split alone, or in what is told of it, stand together."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for one in findings:
        groups.setdefault(one["id"], []).append(one)
    return list(groups.values())


def _finding(group: Sequence[Mapping[str, Any]]) -> str:
    first = group[0]
    title = _title(first["id"])
    items = []
    for one in group:
        told = one["what"].removeprefix(title).strip(" :")
        names = "".join(f"<li>{escape(example)}</li>" for example in one["examples"])
        more = one["count"] - len(one["examples"])
        if names and more > 0:
            names += f"<li>and {more} more</li>"
        where = escape(one["split"])
        head = f"<strong>{one['count']}</strong> in {where} {escape(told)}"
        if "{detail}" in KINDS[first["id"]].what:  # it has its own numbers
            head = f"<strong>{where}</strong>: {escape(told)}"
        if names and one["level"] == "note":
            items.append(f"<details><summary>{head}</summary><ul>{names}</ul></details>")
        else:
            items.append(f"<p>{head}</p>" + (f"<ul>{names}</ul>" if names else ""))
    return (
        f"<section class='finding {first['level']}'><h3>{escape(title)} "
        f"<span class=share>({escape(first['id'])})</span></h3>{''.join(items)}"
        f"<p><em>Effect.</em> {escape(first['effect'])} <em>What to do.</em> "
        f"{escape(first['cure'])}</p></section>"
    )


def _title(kind: str) -> str:
    return KINDS[kind].what.partition("{detail}")[0].strip(" :")


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
        f"{_table(header, rows)}<p>Clips with the class: usable of those listed. Events: all "
        "that the annotations hold.</p>"
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
        rows = [[item["split"], item["filename"], item["status"]] for item in problems[:SHOWN]]
        more = f"<p>The first {SHOWN}; manifest.tsv has all.</p>" if len(problems) > SHOWN else ""
        parts.append(f"<h2>{len(problems)} clips that are not used</h2>{more}")
        parts.append(_table(["split", "clip", "status"], rows))
    return "".join(parts)


def _clean(findings: Sequence[Mapping[str, Any]]) -> str:
    """What was looked for and not found."""
    found = {one["id"] for one in findings}
    titles = [_title(kind) for kind in KINDS if kind not in found]
    items = "".join(f"<li>{escape(title)}</li>" for title in titles)
    return f"<h2>Looked for and not found</h2><ul>{items}</ul>"


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
