"""What every part of the pipeline speaks in: records, values, the recipe, the run folder, prompts and errors."""
