"""Training recipes: one YAML a run, launched with accelerate. See recipes/README.md."""
