"""A BMC over IPMI for tests, run by Debian's own Python: pyghmi's, with a system GUID. Arguments: port, GUID."""

import sys

from pyghmi.cmd.fakebmc import FakeBmc  # type: ignore[import-not-found]


class Speaking(FakeBmc):  # type: ignore[misc]
    """Answers Get System GUID, resets at "cycle", and writes what was done to it, a line each."""

    guid = bytes.fromhex(sys.argv[2])

    def handle_raw_request(self, request, session):  # type: ignore[no-untyped-def]
        if (request["netfn"], request["command"]) == (6, 0x37):
            session.send_ipmi_response(data=list(self.guid))
            return
        super().handle_raw_request(request, session)

    def power_cycle(self) -> None:
        print("cycled", flush=True)


bmc = Speaking({"admin": "password"}, port=int(sys.argv[1]))
bmc.powerstate = "on"
bmc.listen()
