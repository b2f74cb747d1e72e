"""Holds the 14 tasks for lm-eval 0.4.13, one YAML file each: `lm-eval run --include_path eval/tasks --tasks codeio_14 ...`."""
