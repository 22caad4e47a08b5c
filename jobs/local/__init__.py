"""The whole service on one machine: process supervision, embedded Redis, demo."""
