"""Parameters of each kind of job, validated by pydantic."""
