"""Pushing pages to a store, for hosts that cannot be scraped; what the store does not take is kept for later.

Imports nothing by itself: a host's exporter that does not push stays small.
"""
