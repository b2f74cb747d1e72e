"""The stages that a shard goes through, one module each."""
