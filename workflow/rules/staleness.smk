"""Files that other code of resed made: named at the start of a run, and kept.

Requires common.smk and options.smk. Makes no file.
"""

from resed.results.leftovers import leftovers
from resed.results.staleness import StaleRows
from resed.runtime import fingerprint, staleness

# A Snakemake of a cluster's job takes the fingerprints that its run hands it, a second sooner.
if workflow.is_main_process or not os.environ.get(fingerprint.VARIABLE):
    CODE = fingerprint.hand_to_jobs(list(staleness.RULES))
else:
    CODE = {stage: fingerprint.code_of(stage) for stage in staleness.RULES}
MADE = staleness.Made.of(Path(RESULTS), {name: code.fingerprint for name, code in CODE.items()})
STALE = StaleRows(CONFIG, MADE.without(workflow.dag_settings))

if workflow.is_main_process:
    for line in MADE.lines(
        [os.path.relpath(path) for path in workflow.config_settings.configfiles],
        leftovers(CONFIG),
    ):
        logger.warning(f"resed: {line}")


def stale(systems):
    """Stale stages of systems, which tables and the page mark: a change makes them again."""
    return as_json(STALE.of_systems(systems))
