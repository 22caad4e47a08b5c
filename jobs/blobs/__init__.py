"""Content-addressed storage of bytes, local or S3, and the rows that describe them."""
