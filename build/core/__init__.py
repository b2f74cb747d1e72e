"""Holds what every part of the pipeline uses: records, values, the recipe, the run folder, prompts and errors."""
