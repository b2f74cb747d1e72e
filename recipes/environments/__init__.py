"""The data and the verifier as environments of reinforcement learning frameworks, a folder for each; see README.md."""
