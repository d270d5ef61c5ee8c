"""The chassis of a host: its power, its link, its disk, its BMC, and the faults a lab plays on it."""
