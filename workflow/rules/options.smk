"""Parameters of commands: functions that return text, or options as a list of words.

Requires common.smk. Makes no file.
"""


def one_of(names):
    """Regular expression that matches one of these values of a wildcard, and nothing if empty."""
    return "|".join(map(re.escape, names)) or "(?!)"  # Snakemake ignores an empty constraint


def run_folder(wildcards, output):
    """Folder of the run, from an output of a row: STAGE/SPLIT/ROW/SEED/FILE below it."""
    return str(Path(output[0]).parents[4])


def verbatim(value):
    """Text of the user as a parameter; Snakemake would read `{x}` in plain text as a wildcard."""
    return lambda wildcards: value


def words(option, values):
    """A repeated option as words of a command line."""
    return [word for value in values for word in (option, str(value))]


def as_json(value):
    """A setting as JSON; equal settings give equal text, so only a change re-runs a job."""
    return json.dumps(value, sort_keys=True)


def settings(row, *parts):
    """The settings of a row that a stage uses."""
    return as_json(CONFIG.system(row).model_dump(mode="json", include=set(parts)))


def network_options(*rows):
    """Option that names the file with networks of the user, if a row has such a network."""
    own = any(CONFIG.system(row).model.own for row in rows)
    return words("--network-file", [CONFIG.network_file] if own else [])


def references():
    """Options of `resed score` and `resed sanity`: the annotations of all scored splits."""
    found = words("--reference", [f"{split}={annotations(split)}" for split in SCORED_ROLES])
    return found + until()


def until():
    """Option of commands that read a reference: where it ends in each clip; none if nowhere."""
    return [] if CONFIG.until is None else ["--until", CONFIG.until]


def config_json(systems=None, external=CONFIG.external):
    """The config for tables, figures and report, with what they use of overrides and `external`."""
    compared = CONFIG.compare_run if systems is None else ""
    optional = {
        "network_file": CONFIG.network_file,
        "predict": CONFIG.predict.tags_only,
        "run": CONFIG.run,
        "external": external,
        "compare_run": compared,
        "browse": None,
    }
    values = CONFIG.model_dump(mode="json", exclude={k for k, v in optional.items() if not v})
    if systems is not None:
        used = {*systems, *map(CONFIG.trained_as, systems)}
        if any(CONFIG.system(name).model.framework == "single" for name in CONFIG.systems):
            used |= {*CONFIG.systems}  # its roles are checked for all, which overrides may change
        values["system_overrides"] = {k: v for k, v in CONFIG.system_overrides.items() if k in used}
    return as_json(values)


def titles(systems):
    """Titles of systems, which tables and figures show."""
    return [CONFIG.catalogue[name].title for name in systems]


def calibration(name):
    """Options of `resed calibrate`, as words."""
    method, chosen = WINDOWS[name]
    options = {"--method": method, **{f"--{k}": v for k, v in chosen.model_dump().items()}}
    return [str(word) for option in options.items() for word in option]


def rows(wildcards):
    """Option of `resed decode` and `resed score`: all rows of one system."""
    return words("--row", [row.folder for row in FILES.rows_of(wildcards.system)])


def threshold_free_options(wildcards, input):
    """Options of `resed score` for PSDS, mAP and mAUC, as words."""
    files, system = input.threshold_free, wildcards.system
    found = words("--posteriors", map("=".join, zip(SCORED_ROLES, files)))
    found += words("--windows", files[len(SCORED_ROLES) :])
    return found + ["--settings", settings(system, "decode")]
