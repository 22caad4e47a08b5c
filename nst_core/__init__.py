"""Networks and images of neural style transfer: no queue, no database, no web."""
