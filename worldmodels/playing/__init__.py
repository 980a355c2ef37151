"""The trained agent: loaded, scored, watched; and a person in its place."""
