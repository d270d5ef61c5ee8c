"""Write rules/schema/*.json: what editors need to complete and check the files under rules/."""

import json
from pathlib import Path
from typing import Any

from remediator.actions import ACTIONS
from remediator.policy.json_schema import build_schemas

FOLDER = Path(__file__).parents[1] / "rules" / "schema"


def as_text(schema: dict[str, Any]) -> str:
    """The schema as its file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, schema in build_schemas(ACTIONS).items():
        (FOLDER / name).write_text(as_text(schema), encoding="utf-8")
        print(FOLDER / name)


if __name__ == "__main__":
    main()
