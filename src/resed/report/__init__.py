"""The report: all tables and figures and the settings of a run in one HTML file."""

from resed.report.page import render, render_summary
