"""The JSON schema of config/*.yaml, generated from the settings: `python -m resed.config.schema`.

It is for editors and other programs; resed itself validates with the settings (resed.config.run).
Every key is optional in it, because a config file can be an overlay.
"""

import json
import sys
from typing import Any

from resed.config.run import Config
from resed.runtime.files import write_text
from resed.settings import SystemSettings


def config_schema() -> dict[str, Any]:
    """The schema of a config file: closed, with the settings that `override` may hold."""
    schema = Config.model_json_schema(ref_template="#/$defs/{model}")
    settings = SystemSettings.model_json_schema(ref_template="#/$defs/{model}")
    definitions = schema["$defs"] | settings.pop("$defs") | {"SystemSettings": settings}
    properties = schema["properties"]
    properties.pop("root")  # set by the reader of the file, not in the file
    overlay = {"$ref": "#/$defs/SystemSettings"}
    properties["override"] = overlay
    properties["system_overrides"] = {"type": "object", "additionalProperties": overlay}
    for definition in (schema, *definitions.values()):
        definition.pop("required", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "resed: config/*.yaml",
        "$defs": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """The text of workflow/schemas/config.schema.json."""
    return json.dumps(config_schema(), indent=2) + "\n"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write_text(sys.argv[1], schema_text())
    else:
        sys.stdout.write(schema_text())
