"""`resed browse`: write the clip browser of a run, or of detected events."""

from pathlib import Path

import typer


def browse(
    detected: Path | None = typer.Argument(
        None, help="Output folder of resed detect. A run is given by --config-json and --results."
    ),
    out: Path | None = typer.Option(
        None,
        help="Folder of the page: index.html, and media/ with sound and pictures. Default: page in "
        "the folder of detected events.",
    ),
    config_json: str | None = typer.Option(
        None, help="The complete config of a run: inline JSON, or a file."
    ),
    results: Path | None = typer.Option(None, help="Folder results/{dataset} of the run."),
    data: Path | None = typer.Option(
        None, help="Folder of the dataset, for annotations and sound. Default: data/{dataset}."
    ),
    settings: str = typer.Option(
        "{}",
        help="Keys of `browse` in the config that differ from it or from the defaults (clips 200, "
        "megabytes 25, seed 0), as JSON or a YAML/JSON file.",
    ),
) -> None:
    """Write a page to listen to clips, with spectrograms, events and what became of each event.

    Sound of a run is copied where the key `sound` of the dataset file allows it; of detected
    events, parts of 10 s are copied. Nothing is sent anywhere.

    Example: resed browse detected
    """
    if (detected is None) == (config_json is None):
        raise typer.BadParameter(
            "give a folder of resed detect, or --config-json", param_hint="DETECTED"
        )
    if config_json is not None and (results is None or out is None):
        raise typer.BadParameter("requires --results and --out", param_hint="--config-json")
    if detected is not None and (results or data):
        raise typer.BadParameter("only with --config-json", param_hint="--results, --data")

    from contextlib import nullcontext

    from resed.browse.detected_clips import DetectedClips
    from resed.browse.run_clips import RunClips
    from resed.browse.write import write_page
    from resed.config.loading import check, overlay, read_settings
    from resed.config.run import load_config
    from resed.config.stages import BrowseSettings
    from resed.results.folder import Results
    from resed.runtime.checksums import comparing

    changes = read_settings(settings)
    if config_json is not None and results is not None and out is not None:
        config = load_config(read_settings(config_json, "--config-json"))
        source, folder = RunClips(Results.of(config, results, data), out), out
        own, block = config.browse.model_dump(), comparing(results)
    else:
        assert detected is not None
        folder = out or detected / "page"
        source, own, block = DetectedClips(detected, folder), {}, nullcontext()
    chosen = check(BrowseSettings, overlay(own, changes), "--settings")
    with block:
        size, carried = write_page(source, folder, chosen)
    typer.echo(f"{folder / 'index.html'}: {carried}, {size / 1e6:.1f} MB")
