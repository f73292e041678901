"""The JSON schema of config/*.yaml, generated from the settings: `python -m resed.config.schema`.

Editors and other programs use the schema; resed itself validates with `resed.config.run`. Every key
of the schema is optional, because a config file can be an overlay.
"""

import json
import sys
from typing import Any

from resed.config.run import Config
from resed.runtime.files import write_text
from resed.settings import SystemSettings


def config_schema() -> dict[str, Any]:
    """The closed schema of a config file, including the settings that `override` can contain."""
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
