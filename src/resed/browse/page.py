"""Fill the page of the clip browser (page.html, style.css, script.js)."""

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from resed.browse.contents import Collection
from resed.browse.media import Carried
from resed.escaping import one_line
from resed.formats.web_page import environment, policy
from resed.results.folder import readable
from resed.score.event_kinds import KINDS


def page(collection: Collection, carried: Carried) -> str:
    """The page as HTML; it requires the files of `carried` beside it."""
    script = _text("script.js")
    return (
        environment("resed.browse")
        .get_template("page.html")
        .render(
            title=collection.title,
            notes=collection.notes,
            pages_found=collection.pages,
            reference=collection.has_reference,
            systems=len(collection.systems),
            carried=len(carried.entries),
            candidates=carried.candidates,
            data=data(collection, carried),
            script=Markup(script),
            policy=policy(script, sound=True),
        )
    )


def data(collection: Collection, carried: Carried) -> Markup:
    """All values of the page as JSON that can stand in an HTML element."""
    return htmlsafe_json_dumps(values(collection, carried), separators=(",", ":"))


def values(collection: Collection, carried: Carried) -> dict[str, Any]:
    """What the script shows; text is without control characters."""
    return {
        "grouped": collection.grouped,
        "groups": [one_line(name) for name in collection.groups],
        "classes": [one_line(readable(label)) for label in collection.classes],
        "systems": [one_line(title) for title in collection.systems],
        "curve_of": list(collection.curve_of),
        "kinds": list(KINDS) if collection.has_reference else [],
        "totals": [
            [
                {"clips": one.clips, "counts": one.counts.tolist()}
                for system in range(len(collection.systems))
                if (one := collection.totals.get((group, system)))
            ]
            for group in range(len(collection.groups))
        ]
        if collection.has_reference
        else [],
        "clips": carried.entries,
    }


@cache
def _text(name: str) -> str:
    return (files("resed.browse") / name).read_text(encoding="utf-8")
