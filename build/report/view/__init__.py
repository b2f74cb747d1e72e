"""The page of a run or of a published dataset: a folder that a browser opens from disk, without a server and a network.

`items` says what is shown, `from_run` and `from_dataset` read it, `folder` writes it as chunks that `page/` loads on demand.
"""
