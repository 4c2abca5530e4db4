"""Machines other than this one that a config may name as host."""
