"""What the demo says while it plays: one line an event, with the seconds since the step's fault."""

import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.story.report import StepResult


class Timeline:
    """Prints as it goes; plain where there is no terminal."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._fault = time.time()  # noqa: TID251

    def title(self, text: str) -> None:
        self._console.print()
        self._console.print(Text(text, style="bold"))

    def fault(self, at: float, text: str) -> None:
        """A fault: the clock of this step starts here."""
        self._fault = at
        self._line(0.0, text, "bold red")

    def seen(self, text: str, at: float | None = None) -> float:
        """Something seen; the seconds since the fault."""
        seconds = (at or time.time()) - self._fault  # noqa: TID251
        self._line(seconds, text, "green")
        return seconds

    def note(self, text: str) -> None:
        self._console.print(Text(f"          {text}", style="dim"))

    def wrong(self, text: str) -> None:
        self._console.print(Text(f"  WRONG   {text}", style="bold white on red"))

    def table(self, title: str, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
        table = Table(*headings, title=title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def summary(self, steps: list[StepResult]) -> None:
        rows = [
            (step.name, "held" if step.ok else "FAILED", ", ".join(f"{k} {v:.2f}" for k, v in step.seconds.items()))
            for step in steps
        ]
        self._console.print()
        self.table("What was seen", ("step", "", "seconds"), rows)

    def _line(self, seconds: float, text: str, style: str) -> None:
        self._console.print(Text.assemble((f"  {seconds:6.2f}s ", style), text))
