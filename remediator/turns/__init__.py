"""Who of several remediators leads what, and a remediator put together anew for each stint."""
