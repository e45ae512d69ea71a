"""What went wrong with a version of the application, in its customer's words."""


class Failed(Exception):
    """A version cannot be fetched, installed or started; the one before goes on."""
