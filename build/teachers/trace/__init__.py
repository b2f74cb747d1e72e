"""The teacher that needs no model: it runs the function under a tracer and tells the run in words."""
