"""The one error that the scripts show to their user."""


class UserFacingError(Exception):
    """Something that the user can mend: the message names it and the remedy, without a secret."""
