"""Text in tables that people open in a spreadsheet, which runs cells that begin with = as formulas.

>>> neutral("=cmd()"), neutral("'=x"), neutral("Dog"), original("'=cmd()"), original("Dog")
("'=cmd()", "''=x", 'Dog', '=cmd()', 'Dog')
"""

import re

FORMULA = re.compile(r"'*[=+\-@\t\r]")  # what OWASP lists for CSV injection


def neutral(text: str) -> str:
    """The text for a cell: an apostrophe before what a spreadsheet would run as a formula."""
    return f"'{text}" if FORMULA.match(text) else text


def original(cell: str) -> str:
    """The text that `neutral` wrote into a cell."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell
