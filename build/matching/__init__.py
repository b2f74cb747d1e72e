"""Finding the same thing again: normal forms of code, near duplicates, n-grams of text, and the rows of benchmarks."""
