"""HTML pages: the templates of a room, and the style sheet and script that all pages share.

A page is one file. It requires no network and no other file, and its content security policy lets
the browser run the shared script only.
"""

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import (
    ChoiceLoader,
    Environment,
    FunctionLoader,
    PackageLoader,
    StrictUndefined,
)
from markupsafe import Markup

from resed.escaping import html

SHARED = "web_page"  # web_page.css, web_page.js and web_page.html beside this module


def environment(package: str, **filters: Callable[..., Any]) -> Environment:
    """The templates beside the modules of a package, and web_page.html with the macros `head` and
    `pages`; `filters` are further filters of the templates.

    Text is escaped; `Markup` is not. An undefined name is an error.
    """
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package, "."), FunctionLoader(_shared_template)]),
        autoescape=True,
        finalize=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= filters
    made.globals |= {"shared_style": style(), "shared_script": script(), "policy": policy()}
    return made


def style() -> Markup:
    """The style sheet of all pages."""
    return Markup(_text(f"{SHARED}.css"))


def script() -> Markup:
    """The script of all pages: sections that links open, and tables that sort and filter."""
    return Markup(_text(f"{SHARED}.js"))


def policy(*scripts: str, sound: bool = False) -> str:
    """A content security policy that allows the shared script and `scripts`, and no network.

    A page passes it to its template as `policy`. With `sound`, it plays and shows files beside it.
    """
    allowed = " ".join(f"'sha256-{_hash(text)}'" for text in (script(), *scripts))
    local = "'self' file: data: blob:"
    parts = ["default-src 'none'", f"img-src {local if sound else 'data:'}"]
    parts += ["style-src 'unsafe-inline'", *([f"media-src {local}"] if sound else [])]
    return "; ".join([*parts, f"script-src {allowed}", "base-uri 'none'", "form-action 'none'"])


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


@cache
def _text(name: str) -> str:
    return (files("resed.formats") / name).read_text(encoding="utf-8")


def _shared_template(name: str) -> str | None:
    return _text(name) if name == f"{SHARED}.html" else None
