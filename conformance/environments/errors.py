"""What can go wrong between the words for a side and its interpreter."""

from __future__ import annotations


class SideError(ValueError):
    """The words for a side make no sense: wrong use, exit status 2."""


class EnvironmentFailure(Exception):
    """A side's environment could not be had: exit status 3, the reason in one paragraph."""


class MachineFailure(EnvironmentFailure):
    """The disk, the cache or the network refused, whatever the side asks for."""
