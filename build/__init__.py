"""Turns raw Python code into verified reasoning data. ARCHITECTURE.md draws the flow and the rooms."""
