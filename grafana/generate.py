"""Write the dashboards as the JSON that Grafana provisions: `python -m grafana.generate [FOLDER]`."""

import json
import sys
from pathlib import Path

from grafana.dashboards import DASHBOARDS

GENERATED = Path(__file__).parent / "generated"


def rendered() -> dict[str, str]:
    """File name to content; the same dashboards always give the same bytes."""
    return {
        f"{name}.json": json.dumps(dashboard.to_json(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for name, dashboard in DASHBOARDS.items()
    }


def main(arguments: list[str]) -> int:
    """Write every file; 2 when the folder cannot be written."""
    folder = Path(arguments[0]) if arguments else GENERATED
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in rendered().items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"{folder}: {error.strerror}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
