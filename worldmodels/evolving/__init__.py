"""What surrounds the evolution of C: the strategy, its coordinates, its options and its files."""
