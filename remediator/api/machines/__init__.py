"""The Machines API: machines, from their creation to their end."""

from remediator.api.control import Control
from remediator.api.machines.ending import EndingApi
from remediator.api.machines.launching import LaunchingApi
from remediator.api.machines.leases import LeasesApi
from remediator.api.machines.metadata import MetadataApi
from remediator.api.machines.reading import ReadingApi
from remediator.api.machines.shared import Desk
from remediator.api.machines.verbs import VerbsApi
from remediator.api.machines.waiting import WaitingApi
from remediator.api.requests import Endpoint

_FAMILIES = (ReadingApi, LaunchingApi, EndingApi, VerbsApi, WaitingApi, LeasesApi, MetadataApi)


class MachinesApi:
    """Answers from the fleet as it is now; writes go to the control.

    Configs hold secrets, so reads need a token as writes do; routes alone are for anybody.
    """

    def __init__(self, control: Control) -> None:
        self._desk = Desk(control)

    def endpoints(self) -> list[Endpoint]:
        return [endpoint for family in _FAMILIES for endpoint in family(self._desk).endpoints()]
