"""The command line: a client of the API that knows nothing of the Master's code."""
