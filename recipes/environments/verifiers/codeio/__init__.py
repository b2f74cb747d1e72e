"""CodeI/O as a Taskset of verifiers (v1)."""

from .taskset import CodeIOTaskset

__all__ = ["CodeIOTaskset"]
