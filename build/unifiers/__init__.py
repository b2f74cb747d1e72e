"""Turn raw code into functions of the unified format: by analysis (`static`) or by a language model (`model`)."""
