"""Defines the two errors that a person sees as one sentence instead of a traceback."""


class ConfigError(ValueError):
    """A recipe or an option that cannot be used; the message is one sentence that names the file, line or key."""


class RunError(RuntimeError):
    """A run that cannot go on; the message is one sentence that names the file and what to do."""
