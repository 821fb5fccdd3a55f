"""How a command ends early: with an exit status and one or two lines for its user."""

from __future__ import annotations

WRONG_USE = 2
NOT_CARRIED_OUT = 3


class Ended(Exception):
    """The command cannot go on; the text says why and what to do."""

    status = NOT_CARRIED_OUT


class WrongUse(Ended):
    """The user's words make no sense."""

    status = WRONG_USE


class NotPossible(Ended):
    """What was asked could not be carried out."""


class SideNotHad(NotPossible):
    """What a side asks for cannot be had: it does not resolve, or it cannot be installed."""
