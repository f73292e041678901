"""The report: all tables, figures and facts on one page that needs no network."""

from resed.report.page import render
