"""What a caller of the client can do something about."""


class ClientError(Exception):
    """Anything below: the message says what to do."""


class EventError(ClientError, ValueError):
    """An event is not what its schema says: nothing was sent."""


class CommandError(ClientError):
    """A record of a commands topic cannot be read, so its consumer stops before it."""
