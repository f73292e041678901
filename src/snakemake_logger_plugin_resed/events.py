"""What happens in a run, as JSON lines for a program that shows its progress.

Each line is an object with the key `event`:

- results: `folder` of the run
- plan: `jobs`, the number of jobs of each rule
- start: `job`, a number, with its `rule` and a `title`
- end: `job`
- error: `job`, with its `rule`, `title` and `logs`
"""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.common import LogEvent

_results: list[str] = []


def results_folder(folder: str) -> None:
    """Set the folder of the results of this run."""
    _results[:] = [folder]


class EventWriter:
    """Writes the events of one run to a file or a pipe."""

    def __init__(self, path: Path) -> None:
        self.stream = path.open("a", encoding="utf-8")
        self.titles: dict[int, str] = {}
        self.planned = False

    def write(self, record: logging.LogRecord) -> None:
        """Write what a record of Snakemake reports; nobody may read the pipe any more."""
        try:
            for event in self._events(record):
                self.stream.write(json.dumps(event) + "\n")
                self.stream.flush()
        except OSError:
            pass

    def _events(self, record: logging.LogRecord) -> Iterator[dict[str, Any]]:
        values = vars(record)
        while _results:
            yield {"event": "results", "folder": _results.pop()}
        match values.get("event"):
            case LogEvent.RUN_INFO if not self.planned:
                self.planned = True
                jobs = {rule: n for rule, n in values["stats"].items() if rule != "total"}
                yield {"event": "plan", "jobs": jobs}
            case LogEvent.JOB_INFO:
                job, rule = values["jobid"], values["rule_name"]
                self.titles[job] = values.get("rule_msg") or rule
                yield {"event": "start", "job": job, "rule": rule, "title": self.titles[job]}
            case LogEvent.JOB_FINISHED:
                yield {"event": "end", "job": values["job_id"]}
            case LogEvent.JOB_ERROR:
                job, rule = values["jobid"], values["rule_name"]
                title, logs = self.titles.get(job, rule), list(map(str, values["log"]))
                yield {"event": "error", "job": job, "rule": rule, "title": title, "logs": logs}
