"""Runs code from strangers, and is the only place of the project that starts processes for it. See `build.sandbox.api`."""

from build.sandbox.api import CallResult, DrawRules, Draws, Layers, Limits, Program, Sandbox, SandboxError, Trace

__all__ = ["CallResult", "DrawRules", "Draws", "Layers", "Limits", "Program", "Sandbox", "SandboxError", "Trace"]
