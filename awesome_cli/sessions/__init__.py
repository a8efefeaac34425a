"""Sessions: the model, their renewal, and how they are stored."""
