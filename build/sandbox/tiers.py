"""Chooses the warm parent for a program: a fork costs by the parent's memory, an import by what is not loaded yet."""

import re

_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import|import[ \t]+([^\n#;]+))", re.MULTILINE)
_HEAVY = frozenset(("pandas", "pyarrow", "scipy", "sympy", "networkx", "matplotlib", "sklearn"))


def tier_of(source: str) -> str:
    """ "light", "numpy" or "heavy", from the import statements. A guess: a wrong one only costs time."""
    names = set()
    for module, modules in _IMPORT.findall(source):
        for name in (module or modules).split(","):
            names.add(name.split()[0].split(".")[0] if name.split() else "")
    if names & _HEAVY:
        return "heavy"
    return "numpy" if "numpy" in names else "light"
