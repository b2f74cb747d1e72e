"""Finds functions in raw Python code by analysis and trial runs, without a language model."""
