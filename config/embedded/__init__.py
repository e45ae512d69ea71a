"""The whole system on one machine, from wheels, without root: PostgreSQL, Redis, web, workers."""
