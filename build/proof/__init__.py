"""The independent check of rationales: it reads finished texts and holds them against the trace, and nothing else."""
