"""Reading, writing and colour conversion of pictures."""
