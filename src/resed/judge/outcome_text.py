"""An outcome as text: the group in which it is listed, the item, and the value."""

from collections.abc import Callable, Mapping

from resed.config.rows import Row
from resed.judge.networks import LEAST_CLASSES
from resed.judge.outcome import Measured, Outcome
from resed.paper.numbers import Paper
from resed.results.folder import readable

Parts = tuple[str, str, str]  # group, item, value
LACKING = {
    "no_other_class": "(no other class)",
    "no_knee": "(no knee, so its window is the average one)",
    "no_events": "(no event on evaluation)",
    "one_group": "(the scores of all classes lie in one group)",
}


def outcome_parts(outcome: Outcome, paper: Paper) -> Parts:
    """Group, item and value; outcomes of one group are listed together."""
    return PARTS[outcome.quantity](outcome, paper)


def system_text(name: str, paper: Paper) -> str:
    """Name of a system in text: `6`, `τ 10, γ 2`, or `9 (filter.none)` for a reading of it."""
    row = Row.of(name)
    label = paper.label(row.system)
    return f"{label} ({row.reading})" if row.reading else label


def _over(outcome: Outcome, paper: Paper) -> str:
    return f"{system_text(outcome.first, paper)} over {system_text(outcome.second, paper)}"


def number_text(number: Measured | None, decimals: int = 1, signed: bool = True) -> str:
    """`+1.2 [-0.8, +3.2]`, or `+1.2` for a number without an interval."""
    if number is None:
        return "–"
    form = f"{'+' * signed}z.{decimals}f"
    value = format(number.value, form)
    if number.interval is None:
        return value
    low, high = (format(end, form) for end in number.interval)
    return f"{value} [{low}, {high}]"


def _metric_number(
    outcome: Outcome, number: Measured | None, paper: Paper, signed: bool = True
) -> str:
    return number_text(number, paper.metrics[outcome.metric].decimals, signed)


def _metric(outcome: Outcome, paper: Paper) -> str:
    return paper.metrics[outcome.metric].short


def _gain_parts(outcome: Outcome, paper: Paper) -> Parts:
    group, metric = _over(outcome, paper), _metric(outcome, paper)
    value = _metric_number(outcome, outcome.number, paper)
    if "stated" in outcome.others:
        value += f" (stated {_metric_number(outcome, outcome.others['stated'], paper)})"
    if outcome.label:
        return f"{group}, {metric}", readable(outcome.label), value
    return group, metric, value


def _difference_parts(outcome: Outcome, paper: Paper) -> Parts:
    value = f"{_metric_number(outcome, outcome.number, paper)} ({_over(outcome, paper)})"
    return "largest difference", _metric(outcome, paper), value


def _metric_gain_parts(outcome: Outcome, paper: Paper) -> Parts:
    group = f"{_over(outcome, paper)}, {_metric(outcome, paper)} against the others"
    ((name, other),) = outcome.others.items()
    metric = paper.metrics[name]
    own = _metric_number(outcome, outcome.number, paper)
    return group, metric.short, f"{own} against {number_text(other, metric.decimals)}"


def _class_gain_parts(outcome: Outcome, paper: Paper) -> Parts:
    own = _metric_number(outcome, outcome.number, paper)
    rest = _metric_number(outcome, outcome.others["other_classes"], paper)
    return _over(outcome, paper), _metric(outcome, paper), f"{own} against {rest} of the others"


def _gaining_parts(outcome: Outcome, paper: Paper) -> Parts:
    gained, counts = _whole(outcome.number), {n: _whole(m) for n, m in outcome.others.items()}
    text = f"{gained} of {counts['classes']} classes gain, {counts['losing']} lose"
    if "higher" in counts:
        text += f" by their intervals, {counts['higher']} have a higher mean"
    return _over(outcome, paper), _metric(outcome, paper), text


def _score_parts(outcome: Outcome, paper: Paper) -> Parts:
    group = f"{_metric(outcome, paper)} of {system_text(outcome.first, paper)}"
    value = _metric_number(outcome, outcome.number, paper, signed=False)
    if outcome.others:
        listed = ", ".join(
            f"{readable(name)} {_metric_number(outcome, other, paper, signed=False)}"
            for name, other in outcome.others.items()
        )
        value += f" (beyond it: {listed})"
    return group, readable(outcome.label), value


def _teacher_parts(outcome: Outcome, paper: Paper) -> Parts:
    return "raw tags, teacher minus student", "F1", number_text(outcome.number)


def _diagonal_parts(outcome: Outcome, paper: Paper) -> Parts:
    share = outcome.number
    assert share is not None
    value = f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}]"
    return "diagonal", readable(outcome.label), value


def _ceiling_parts(outcome: Outcome, paper: Paper) -> Parts:
    recall, ceiling = outcome.others["recall"].value, outcome.others["ceiling"].value
    value = f"{_metric_number(outcome, outcome.number, paper, signed=False)} "
    value += f"(recall {recall:.0%} allows {ceiling:.1f} at most)"
    return paper.metrics[outcome.metric].title, readable(outcome.label), value


def _weight_parts(outcome: Outcome, paper: Paper) -> Parts:
    other = {name: number.value for name, number in outcome.others.items()}
    assert outcome.number is not None
    start = f"{outcome.number.value:.2f} at p = {other['at']:g}"
    end = f"{other['end']:.2f} at {other['at_end']:g}"
    return f"γ = {other['gamma']:g}", outcome.label, f"{start} to {end}"


def _correlation_parts(outcome: Outcome, paper: Paper) -> Parts:
    value = f"{LEAST_CLASSES} classes are needed to rank them"
    if outcome.number is not None:
        value = f"{outcome.number.value:+.2f}"
    return "rank correlation", f"seed {outcome.seed}", value


def _parameters_parts(outcome: Outcome, paper: Paper) -> Parts:
    student, teacher = thousands(outcome.number), thousands(outcome.others["teacher"])
    text = f"student {student}, teacher {teacher}"
    for name in outcome.others:
        side, _, reading = name.partition(".")
        if side == "student":
            read = [thousands(outcome.others[f"{s}.{reading}"]) for s in ("student", "teacher")]
            text += f"; with the reading {reading} student {read[0]}, teacher {read[1]}"
    groups = {
        "parameters": "trainable parameters",
        "operations": "multiplications per clip",
    }
    return groups[outcome.quantity], "", text


def _events_parts(value: Callable[[Measured, Mapping[str, Measured]], str]) -> Callable[..., Parts]:
    """Parts of an outcome about the training events; `value` writes its numbers."""

    def parts(outcome: Outcome, paper: Paper) -> Parts:
        text = LACKING.get(outcome.lacking, "")
        if outcome.number is not None:
            text = value(outcome.number, outcome.others)
        return "strong training events", readable(outcome.label), text

    return parts


def _fewest_text(own: Measured, others: Mapping[str, Measured]) -> str:
    ((label, least),) = others.items()
    return f"{_whole(own)} events, {readable(label)} has {_whole(least)}"


def _imbalance_text(own: Measured, others: Mapping[str, Measured]) -> str:
    (_, most), (label, least) = others.items()
    return f"{_whole(most)} against {readable(label)} {_whole(least)}, {own.value:.1f} times"


def _windows_text(own: Measured, others: Mapping[str, Measured]) -> str:
    average, share = others["average"].value, others["share"].value
    return f"{own.value:.2f} s, average {average:.2f} s ({share:.0%})"


def _deviates_text(own: Measured, others: Mapping[str, Measured]) -> str:
    window, median = others["window"].value, others["events"].value
    return (
        f"{window:.2f} s against a median of {median:.2f} s on evaluation ({own.value:.0%}; "
        f"median of the classes {others['median'].value:.0%})"
    )


def _variance_parts(outcome: Outcome, paper: Paper) -> Parts:
    ratio = outcome.number
    text = "–"
    if ratio is not None and ratio.interval is not None:
        value, low, high = (end**0.5 for end in (ratio.value, ratio.low, ratio.high))
        text = f"{value:.2f} times [{low:.2f}, {high:.2f}]"
    group = f"deviation between seeds, {_over(outcome, paper)}"
    return group, _metric(outcome, paper), text


def _progress_parts(outcome: Outcome, paper: Paper) -> Parts:
    share = outcome.number
    assert share is not None
    ends = "" if share.interval is None else f" [{share.low:.0%}, {share.high:.0%}]"
    return "progress by the end of stage one", readable(outcome.label), f"{share.value:.0%}{ends}"


def _early_parts(outcome: Outcome, paper: Paper) -> Parts:
    early, late = (number_text(outcome.others[name]) for name in ("early", "late"))
    group = f"early minus late gain on development, {_over(outcome, paper)}"
    item = EARLY[outcome.metric]
    return group, item, f"{number_text(outcome.number)} ({early} early, {late} late)"


def _relative_parts(outcome: Outcome, paper: Paper) -> Parts:
    value = f"{number_text(outcome.number)} % of it"
    value += f" (stated {number_text(outcome.others['stated'])} %)"
    return _over(outcome, paper), _metric(outcome, paper), value


def _change_parts(outcome: Outcome, paper: Paper) -> Parts:
    gains = [
        _metric_number(outcome, outcome.others[name], paper)
        for name in ("later", "earlier")
        if name in outcome.others
    ]
    value = _metric_number(outcome, outcome.number, paper)
    listed = f" ({gains[0]} after {gains[1]})" if len(gains) > 1 else ""
    group = f"gain less the gain before, {_metric(outcome, paper)}"
    return group, _over(outcome, paper), value + listed


def _beyond_parts(outcome: Outcome, paper: Paper) -> Parts:
    counts = {name: _whole(number) for name, number in outcome.others.items()}
    text = (
        f"{_whole(outcome.number)} of {counts['classes']} classes by their means, "
        f"{counts['sure']} to {counts['possible']} by their intervals "
        f"(stated {counts['stated']} of {counts['stated_of']})"
    )
    return f"{_over(outcome, paper)}, {_metric(outcome, paper)}", f"beyond {outcome.label}", text


def _by_base_parts(outcome: Outcome, paper: Paper) -> Parts:
    group = f"relative gain by score, {_over(outcome, paper)}, {_metric(outcome, paper)}"
    if outcome.lacking:
        return group, "", LACKING[outcome.lacking]
    own = [
        f"{number_text(number)} % at {name}"
        for name, number in outcome.others.items()
        if name not in ("control", "beyond_control")
    ]
    text = f"{', '.join(own)}; lowest minus highest {number_text(outcome.number)} points"
    if "control" in outcome.others:
        text += f", of the control {number_text(outcome.others['control'])}"
    if "beyond_control" in outcome.others:
        text += f", beyond it {number_text(outcome.others['beyond_control'])}"
    return group, "", text


def _best_parts(outcome: Outcome, paper: Paper) -> Parts:
    counts = {name: _whole(number) for name, number in outcome.others.items()}
    text = (
        f"{_whole(outcome.number)} of {counts['classes']} classes by its intervals, "
        f"at most {counts['possible']}; {counts['higher']} by its means"
    )
    return f"best in classes, {_metric(outcome, paper)}", system_text(outcome.first, paper), text


def _runs_parts(outcome: Outcome, paper: Paper) -> Parts:
    shares = []
    for number in (outcome.number, outcome.others["filtered"]):
        ends = f" [{number.low:.0%}, {number.high:.0%}]" if number.interval else ""
        shares.append(f"{number.value:.0%}{ends}")
    text = f"{shares[0]}, after a median filter {shares[1]}"
    return "short runs of active frames", system_text(outcome.first, paper), text


EARLY = {"development.tags_f1": "tags", "development.frame_f1": "frames"}
PARTS: dict[str, Callable[[Outcome, Paper], Parts]] = {
    "gain": _gain_parts,
    "largest_difference": _difference_parts,
    "metric_gain": _metric_gain_parts,
    "class_gain": _class_gain_parts,
    "gaining_classes": _gaining_parts,
    "score": _score_parts,
    "teacher_gain": _teacher_parts,
    "variance_ratio": _variance_parts,
    "progress": _progress_parts,
    "early_gain": _early_parts,
    "relative_gain": _relative_parts,
    "gain_change": _change_parts,
    "classes_beyond": _beyond_parts,
    "gain_by_base": _by_base_parts,
    "best_classes": _best_parts,
    "short_runs": _runs_parts,
    "diagonal": _diagonal_parts,
    "score_ceiling": _ceiling_parts,
    "weight": _weight_parts,
    "rank_correlation": _correlation_parts,
    "parameters": _parameters_parts,
    "operations": _parameters_parts,
    "fewest": _events_parts(_fewest_text),
    "short": _events_parts(
        lambda own, others: (
            f"{own.value:.2f} s (median of the classes {others['median'].value:.2f})"
        )
    ),
    "imbalance": _events_parts(_imbalance_text),
    "spread": _events_parts(
        lambda own, others: f"{others['tenth_percentile'].value:.2f} to {own.value:.2f} s"
    ),
    "windows": _events_parts(_windows_text),
    "closer": _events_parts(lambda own, _: f"{own.value:.0%}"),
    "deviates": _events_parts(_deviates_text),
}


def _whole(number: Measured | None) -> int:
    return 0 if number is None else round(number.value)


def thousands(count: Measured | float | None) -> str:
    """A number with its digits in groups of three: 1 550 814."""
    value = count.value if isinstance(count, Measured) else count or 0
    return f"{value:,.0f}".replace(",", " ")
