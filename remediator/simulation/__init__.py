"""The real remediator inside a simulated world: its loop, ledger, agents' door and requests, on virtual time."""
