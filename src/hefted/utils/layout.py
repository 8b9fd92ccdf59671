"""Where an image's channels are: last, unless the user has said first."""

from __future__ import annotations

from hefted.errors import ArgumentError

_FORMATS = ('channels_last', 'channels_first')
_image_data_format = 'channels_last'


def image_data_format() -> str:
    """The layout of images where none is given ('channels_last' unless set)."""
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Set the layout of images where none is given."""
    global _image_data_format
    _image_data_format = standardize_data_format(data_format)


def standardize_data_format(data_format: str | None) -> str:
    """'channels_last' or 'channels_first'; None is `image_data_format()`.

    Raises:
        ArgumentError: It is neither.

    Example:
        >>> standardize_data_format(None), standardize_data_format('Channels_First')
        ('channels_last', 'channels_first')
    """
    found = image_data_format() if data_format is None else str(data_format).lower()
    if found not in _FORMATS:
        raise ArgumentError(f'Expected data_format to be one of {_FORMATS}, received {data_format!r}.')
    return found
