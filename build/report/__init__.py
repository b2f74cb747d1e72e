"""Reports on runs: the dataset card, the check of a finished run, the estimate before one, released data judged again."""
