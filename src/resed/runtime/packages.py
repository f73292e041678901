"""Packages that an installation may lack: `pip install .` brings only what a detector requires."""

from resed.errors import MissingPackageError

# Extra of pyproject.toml -> modules that only its packages have.
EXTRAS = {
    "plot": ("PIL", "matplotlib", "seaborn"),
    "psds": ("sed_scores_eval", "dcase_util", "pkg_resources"),
    "pipeline": ("jinja2", "librosa", "markupsafe", "requests", "snakemake", "urllib3"),
    "share": ("dvc",),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
}


def missing_package(error: ModuleNotFoundError) -> Exception:
    """The error to raise where an import failed: with the extra to install, if one has the package.

    Examples:
        >>> print(missing_package(ModuleNotFoundError(name="matplotlib.figure")))
        requires matplotlib, which is not installed; run pip install 'resed[plot]'
    """
    package = (error.name or "").partition(".")[0]
    extra = next((extra for extra, modules in EXTRAS.items() if package in modules), None)
    if extra is None:
        return error  # a broken installation, or a bug
    problem = f"requires {package}, which is not installed"
    return MissingPackageError(problem, cure=f"run pip install 'resed[{extra}]'")
