"""Answers questions: by language models behind endpoints or in this process, or by the trace teacher."""
