"""The data pipeline of CodeI/O: raw Python code in, verified reasoning data out. One module a stage; see README.md."""
