"""``fleetmend-agent``: the agent of one host; ``fleetmend-agent front``: the host's chassis."""

import asyncio
import logging
import os
import sys

from remediator.model.errors import BadInput, FleetmendError


def main(argv: list[str] | None = None) -> int:
    """Run until told to stop; 2 and one clear line for each thing that is wrong."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["front"]:
        # Another program with other needs: only one of the two is ever loaded.
        from remediator.agent.front.cli import main as front

        return front(arguments[1:])
    return _run(arguments)


def _run(arguments: list[str]) -> int:
    from remediator.agent.app import Agent
    from remediator.agent.settings import parse_settings
    from remediator.clock import SystemClock

    level = logging.getLevelNamesMapping().get(os.environ.get("FLEETMEND_LOG_LEVEL", "").upper(), logging.INFO)
    logging.basicConfig(level=level, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    # Whatever is made here is for this agent's eyes, unless it is opened on purpose.
    os.umask(0o077)
    try:
        settings = parse_settings(arguments, root=os.geteuid() == 0)
        log = logging.getLogger(f"agent.{settings.name}")
        asyncio.run(Agent(settings, SystemClock(), log).run())
    except BadInput as error:
        for problem in error.problems:
            print(f"fleetmend-agent: {problem}", file=sys.stderr)
        return 2
    except FleetmendError as error:
        print(f"fleetmend-agent: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
