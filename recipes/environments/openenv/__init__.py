"""CodeI/O as an OpenEnv environment: one question an episode, one answer, the verdict of execution as the reward."""

from .client import CodeIOEnv
from .models import CodeIOAction, CodeIOObservation

__all__ = ["CodeIOAction", "CodeIOEnv", "CodeIOObservation"]
