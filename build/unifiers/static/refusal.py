"""How a unifier says that it cannot make a function of a candidate."""


class Refused(ValueError):
    """A candidate that cannot be unified; `reason` can be counted and is named in `build.unifiers.static.unifier`."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
