"""Content-addressed blob storage, local or S3, and its database rows."""
