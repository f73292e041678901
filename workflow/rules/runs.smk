"""Other runs of the dataset: results of equal settings are linked, not made again.

Requires common.smk and options.smk. Makes no declared file.
"""

from resed.results.other_runs import compared_run, refuse_other_sound, share_results

try:
    OTHER_RUN = compared_run(CONFIG)
    if workflow.is_main_process and Path(RESULTS) == folder_of_run(DATASET.name, CONFIG.run):
        refuse_other_sound(CONFIG, {name: acquire_options(name) for name in DATASET.splits})
        RECIPES = {split: [recipe(split)] for split in DATASET.splits}
        for line in share_results(CONFIG, RECIPES):
            print(f"resed: {RESULTS} {line}", file=sys.stderr)
except ResedError as error:
    sys.exit(f"resed: {error}")
