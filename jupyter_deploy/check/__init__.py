"""Checking a notebook without a person: what a change to it must pass before it is released."""
