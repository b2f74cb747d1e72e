"""Measurements (`python -m build bench`) and the doubles that they need: a fake endpoint, hostile programs, baselines."""
