"""Reads raw code from folders, installed packages, tables and datasets of the Hub, one module each."""
