"""A small process that runs as root, knows a few commands, and tells an unprivileged exporter what they said."""

DEFAULT_SOCKET = "/run/fleetmend/reader.sock"
