"""Worlds in virtual time: a fleet with topology, what befalls it, and a judge that sees only what it is told."""
