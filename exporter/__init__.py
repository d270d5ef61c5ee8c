"""What is true of hosts, disks and the orchestrator, as metrics; reads, and never writes."""

__version__ = "0.1.0"
