"""Every action there is: one module each, one line here."""

from remediator.actions.burst_provision import BURST_PROVISION
from remediator.actions.condemn import CONDEMN
from remediator.actions.cordon import CORDON, UNCORDON
from remediator.actions.drain import DRAIN
from remediator.actions.fence import FENCE
from remediator.actions.give_back import GIVE_BACK
from remediator.actions.mark_host_alive import MARK_HOST_ALIVE
from remediator.actions.mark_host_dead import MARK_HOST_DEAD
from remediator.actions.migrate import MIGRATE
from remediator.actions.notify import NOTIFY
from remediator.actions.power_cycle import POWER_CYCLE
from remediator.actions.quarantine import QUARANTINE
from remediator.actions.recreate import RECREATE
from remediator.actions.restore_volumes import RESTORE_VOLUMES
from remediator.actions.spec import ActionSpec
from remediator.actions.webhook import WEBHOOK

ACTIONS: dict[str, ActionSpec] = {
    action.name: action
    for action in (
        MARK_HOST_DEAD,
        MARK_HOST_ALIVE,
        RECREATE,
        RESTORE_VOLUMES,
        CONDEMN,
        FENCE,
        POWER_CYCLE,
        CORDON,
        UNCORDON,
        MIGRATE,
        DRAIN,
        QUARANTINE,
        BURST_PROVISION,
        GIVE_BACK,
        NOTIFY,
        WEBHOOK,
    )
}
