"""Opens the model that a recipe names, and checks before any worker starts that it can be had here."""

import importlib.util
import os
from pathlib import Path

from build.core.config import DataRecipe
from build.core.errors import ConfigError
from build.teachers.cache import ResponseCache, holds_answers
from build.teachers.client import Model, ModelTeacher

_NEEDS = {"transformers": ("torch", "transformers"), "vllm": ("vllm",)}


def check_model(recipe: DataRecipe) -> None:
    """Raises `ConfigError` when a key or a library that the teacher needs is missing."""
    teacher = recipe.teacher
    if teacher.key_variable and not os.environ.get(teacher.key_variable):
        raise ConfigError(
            f"`teacher.key_variable`: the environment has no {teacher.key_variable}; export it, it is written nowhere."
        )
    for name in _NEEDS.get(teacher.name, ()):
        if importlib.util.find_spec(name) is None:
            raise ConfigError(
                f"the teacher `{teacher.name}` needs {name}; see requirements/{teacher.name}.txt for what to install."
            )


def greet(recipe: DataRecipe) -> None:
    """Ask the recipe's endpoints one plain question, before a run that has no answer yet. Raises `RunError`."""
    if recipe.teacher.name == "openai" and not holds_answers(_cache_folder(recipe)):
        from build.teachers.openai import Endpoints

        endpoints = Endpoints(recipe.teacher)
        try:
            endpoints.greet()
        finally:
            endpoints.close()


def _cache_folder(recipe: DataRecipe) -> Path:
    return recipe.response_cache or recipe.run / "response_cache"


def open_model(recipe: DataRecipe, rank: int | None = None) -> ModelTeacher | None:
    """The recipe's model with its response cache; None where the teacher is no model. `rank`: the number of an array job."""
    teacher = recipe.teacher
    if not teacher.is_model:
        return None
    check_model(recipe)
    model: Model
    if teacher.name == "openai":
        from build.teachers.openai import Endpoints

        model = Endpoints(teacher)
    elif teacher.name == "transformers":
        from build.teachers.transformers import TransformersModel

        model = TransformersModel(teacher)
    else:
        from build.teachers.vllm import VllmModel

        model = VllmModel(teacher)
    return ModelTeacher(recipe, model, ResponseCache(_cache_folder(recipe), rank))
