"""A card as Markdown."""

from collections.abc import Iterable, Mapping
from typing import Any

from resed.escaping import markdown

TITLES = {
    "event": "Events (onset and offset)",
    "segment": "Segments of one second",
    "tags_raw": "Tags of clips",
}


def card_text(card: Mapping[str, Any]) -> str:
    """The card for people; every text of the card is escaped."""
    about, data, training = card["about"], card["data"], card["training"]
    parts = [
        f"# {markdown(about.get('title') or card['name'])}",
        markdown(about.get("purpose", "")),
        "## Scores",
        _scores(card),
        *_singles(card["single_recordings"]),
        "## How it was chosen",
        _choice(card),
        "## What it cannot do" if about.get("limits") else "",
        "\n".join(f"- {markdown(' '.join(one.split()))}" for one in about.get("limits", [])),
        "## Privacy" if about.get("privacy") else "",
        markdown(" ".join(about.get("privacy", "").split())),
        "## Data",
        f"{markdown(data['dataset'])}. {markdown(' '.join(data['note'].split()))}",
        _list(
            {
                "Clips": _pairs(data["clips"]),
                "Folds": "; ".join(f"{k} {_numbers(v)}" for k, v in data["folds"].items()),
                "Soundbank": data["source"],
                "Recordings left out": ", ".join(data["left_out"]) or "none",
                "Parameters": f"{training['parameters']:,}",
                "Epochs": training["epochs"],
                "Clips per batch": _pairs(training["batch"]),
                "Augmentation": _pairs(training["augment"]),
            }
        ),
        "## Recordings, authors and licences",
        _recordings(card),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _scores(card: Mapping[str, Any]) -> str:
    chosen = card["choice"]["chosen"]
    lines = [
        "F1 in percent with 95 % intervals over clips, thresholds per class; macro averages.",
        "",
        "| | " + " | ".join(f"{split} ({s['clips']} clips)" for split, s in _splits(card)) + " |",
        "| --- |" + " ---: |" * len(card["scores"]),
    ]
    rows = {title: block for block, title in TITLES.items()}
    for title, block in rows.items():
        lines.append(_row(title, [s.get(block) for _, s in _splits(card)]))
    for label in sorted({c for _, s in _splits(card) for c in s["classes"]}):
        lines.append(_row(f"Events: {label}", [s["classes"].get(label) for _, s in _splits(card)]))
    for name in card["choice"]["event_macro_f1"]:
        mark = "chosen" if name == chosen else "not chosen"
        cells = [s["candidates"][name] for _, s in _splits(card)]
        lines.append(_row(f"Events: {name} ({mark})", cells))
    return "\n".join(lines)


def _splits(card: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return card["scores"].items()


def _row(title: str, values: Iterable[Mapping[str, float] | None]) -> str:
    cells = [
        "–" if v is None else f"{v['f1']:.1f} [{v['low']:.1f}, {v['high']:.1f}]" for v in values
    ]
    return f"| {markdown(title)} | " + " | ".join(cells) + " |"


def _singles(found: Mapping[str, Any]) -> list[str]:
    return [
        f"Of {one['recordings']} single recordings of the {split} folds, not mixed, {one['right']} "
        f"have their class as the highest tag: {one['percent']} % [{one['low']}, {one['high']}]. "
        f"By class: {_pairs(one['classes'])}."
        for split, one in found.items()
    ]


def _choice(card: Mapping[str, Any]) -> str:
    choice = card["choice"]
    each = _pairs({name: f"{100 * f1:.1f}" for name, f1 in choice["event_macro_f1"].items()})
    return (
        f"{markdown(choice['chosen'])} was chosen by {markdown(choice['by'])} ({each}). Evaluation "
        "was scored after that."
    )


def _recordings(card: Mapping[str, Any]) -> str:
    if not card["recordings"]:
        return "The sounds were generated; there are no recordings."
    counts = "; ".join(
        f"{markdown(licence or 'see the list of the soundbank')}: {number}"
        for licence, number in card["licences"].items()
    )
    rows = [
        f"| {markdown(r['file'])} | {r['fold']} | {markdown(r.get('title', ''))} | "
        f"{markdown(r.get('author', ''))} | {markdown(r.get('license', ''))} | "
        f"{markdown(r.get('url', ''))} |"
        for r in card["recordings"]
    ]
    head = ["| file | fold | title | author | licence | source |", "|" + " --- |" * 6]
    return f"{len(rows)} recordings ({counts}).\n\n" + "\n".join([*head, *rows])


def _list(facts: Mapping[str, Any]) -> str:
    return "\n".join(f"- {name}: {markdown(value)}" for name, value in facts.items())


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{markdown(name)} {markdown(value)}" for name, value in values.items())


def _numbers(values: Iterable[int]) -> str:
    return ", ".join(map(str, values))
