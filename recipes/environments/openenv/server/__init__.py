"""The server of the CodeI/O environment."""
