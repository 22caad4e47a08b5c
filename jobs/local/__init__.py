"""The service on one machine: process supervision, embedded Redis, the demo."""
