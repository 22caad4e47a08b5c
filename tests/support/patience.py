"""The time limit of whatever a test waits for."""

#: Seconds after which something has hung. They are many times what it takes, so that no test fails on a
#: busy machine.
PATIENCE = 240
