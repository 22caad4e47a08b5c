"""Authentication, sessions, rate and concurrency limits, response headers."""
