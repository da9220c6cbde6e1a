"""What the scripts show to their user of what went wrong."""


class UserFacingError(Exception):
    """Something that the user can mend: the message names it and the remedy, without a secret."""


def reason_of(error: BaseException) -> str:
    """What the system says of a disk that is full, or cannot be written, without the number that Python adds."""
    return getattr(error, "strerror", None) or type(error).__name__


def disk_error(error: OSError) -> str:
    """The same, after the file concerned."""
    return f"{error.filename}: {reason_of(error)}" if error.filename else reason_of(error)
