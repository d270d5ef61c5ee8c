"""Every dashboard there is; another one is one new file and one line here."""

from grafana.dashboard import Dashboard
from grafana.fleet import FLEET
from grafana.host import HOST_DASHBOARD

DASHBOARDS: dict[str, Dashboard] = {"fleet": FLEET, "host": HOST_DASHBOARD}
