"""Those who answer questions: language models behind endpoints or in this process, and the trace teacher."""
