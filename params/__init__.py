"""Parameter models shared by the service, the command lines and the trainers.

Types, ranges, defaults and explanations of settings, as pydantic models. The package imports nothing of
the other packages, so that both `jobs` and `nst_core` may import it.
"""
