"""Texts out of files, lists, columns of frames, and whatever can be iterated over: one at a time, never all at once."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import Any

from hefted.errors import ArgumentError, DataError, MissingFileError

Texts = Any  # files by name or pattern, or texts themselves: what `read_texts` takes

_NEWLINES = '\r\n'
_PATH = re.compile(r'[/\\]|\.\w{1,8}$')  # what is asked of the disk: a word may be a file's name by chance
_NAME = re.compile(  # no address, and no word such as 'e.g.'
    r'(?!\w+://)\S+\.(txt|text|md|csv|tsv|jsonl?|xml|html?|parquet|arrow|gz|bz2|xz|zst|zip)'
    r'|(?!\w+://)\S*[/\\]\S*\*\S*',
    re.IGNORECASE,
)


def files_of(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The files that names, patterns and folders stand for: those of a pattern or of a folder (its .txt) by name.

    Raises:
        MissingFileError: There is none of that name, or none that fits.
    """
    given = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    found: list[Path] = []
    for one in given:
        path = Path(one)
        if path.is_dir():
            here = sorted(path.glob('*.txt'))
        elif path.exists():
            here = [path]
        else:
            here = [Path(name) for name in sorted(glob(str(one), recursive=True))]  # noqa: PTH207  # it may be absolute
        if not here:
            raise MissingFileError(
                f'Expected text files, received {str(one)!r}, which is none, has none and fits none. '
                'Give a file, a folder of .txt files, or a pattern such as "texts/*.txt".'
            )
        found += here
    if not found:
        raise ArgumentError('Expected at least one text file, received none. Name the files to read.')
    return found


def read_lines(path: str | os.PathLike[str], encoding: str = 'utf-8') -> Iterator[str]:
    """The lines of a file without their ends, read as they are asked for; a byte order mark is no part of the text.

    Raises:
        MissingFileError: There is no such file.
        DataError: It holds bytes that are no text of that encoding, at the line and byte that it names; or nothing.
        ArgumentError: There is no such encoding.
    """
    if not Path(path).is_file():
        raise MissingFileError(f'Expected a text file, received {str(path)!r}: there is none.')
    decode = _decoder(encoding)
    number = offset = 0
    with Path(path).open('rb') as content:
        for number, line in enumerate(_raw_lines(content, encoding), start=1):
            try:
                text = decode(line)
            except UnicodeDecodeError as error:
                raise DataError(
                    f'{path}, line {number}, byte {offset + error.start}: expected {encoding} text, received '
                    f'{line[error.start : error.start + 4]!r} ({error.reason}). Say which encoding the file has, such '
                    "as encoding='latin-1', or convert it."
                ) from error
            offset += len(line)
            text = text.removeprefix('\ufeff') if number == 1 else text
            yield from (one.rstrip('\r') for one in text.rstrip(_NEWLINES).split('\n'))
    if not number:
        raise DataError(f'{path}: expected text, received an empty file. Leave it out.')


def _decoder(encoding: str) -> Any:
    try:
        codec = codecs.lookup(encoding)
    except LookupError as error:
        raise ArgumentError(f"Expected encoding to be one of Python's, received {encoding!r}.") from error
    return lambda line: codec.decode(line)[0]


def _raw_lines(content: Any, encoding: str) -> Iterator[bytes]:
    """Lines with their ends: of bytes where an end is one byte, else of the whole file, which is decoded at once."""
    if codecs.lookup(encoding).name.startswith(('utf-16', 'utf-32')):
        whole = content.read()
        return iter([whole] if whole else [])
    return iter(content)


def read_texts(texts: Texts, *, column: str | None = None, encoding: str = 'utf-8') -> Iterator[str]:
    """Texts one by one: a file's lines that are not blank, or the texts of a list, a column, an iterable.

    Args:
        texts: A file, a folder of .txt files, a pattern, `Path`s; or texts: a list or an array of strings, a column of
            pandas or polars, a frame of either (with `column`), any iterable of strings.
        column: Which column of a frame holds the texts.
        encoding: Of files.

    Raises:
        MissingFileError: There is no such file.
        DataError: A file is empty, or not of that encoding; or there is no text at all.
        ArgumentError: Something is no text, or a frame has no such column.

    Example:
        >>> list(read_texts(['To be,', 'or not to be.']))
        ['To be,', 'or not to be.']
    """
    count = 0
    for text in _each(texts, column, encoding):
        count += 1
        yield text
    if not count:
        raise DataError('Expected at least one text, received none (blank lines are none).')


def _each(texts: Texts, column: str | None, encoding: str) -> Iterator[str]:
    if named_files(texts):
        for path in files_of(texts):
            yield from (line for line in read_lines(path, encoding) if line.strip())
    else:
        yield from _strings(column_of(texts, column), column or 'texts')


def named_files(texts: Texts) -> bool:
    """Whether these are names of files: one string, a path, or a list of paths. A list of strings is of texts."""
    if isinstance(texts, (str, os.PathLike)):
        return True
    return isinstance(texts, (list, tuple)) and bool(texts) and all(isinstance(one, os.PathLike) for one in texts)


def require_texts(texts: Texts) -> None:
    """See that a list of strings is not one of files' names, one of them misspelt or a pattern perhaps.

    Raises:
        ArgumentError: All of them are files that are there, or one is that is written as a path; or all look like names
            or patterns of files.
    """
    if not isinstance(texts, (list, tuple)) or not texts:
        return
    there = next((one for one in texts if isinstance(one, str) and _PATH.search(one) and _is_file(one)), None)
    if there is None and not (all(map(_is_file, texts)) or all(map(_looks_like_a_file, texts))):
        return
    missing = next((one for one in texts if not _is_file(one)), None)
    which = '' if missing is None else f' (there is no file {str(missing)[:200]!r})'
    raise ArgumentError(
        f'Expected a list of texts, received names of files, such as {there or texts[0]!r}{which}. Pass one pattern '
        'such as "texts/*.txt", or Paths: [Path(name) for name in names]. Where these are the texts, pass '
        'np.array(texts).'
    )


def _is_file(text: Any) -> bool:
    return isinstance(text, str) and os.path.isfile(text)  # noqa: PTH113  # of a million texts, quicker


def _looks_like_a_file(text: Any) -> bool:
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def is_frame(texts: Texts) -> bool:
    """Whether there are columns to choose from: of pandas or polars, or a dict of them."""
    return isinstance(texts, dict) or (hasattr(texts, 'columns') and hasattr(texts, '__getitem__'))


def column_of(texts: Texts, column: str | None) -> Any:
    """The column of a frame; anything else as it is.

    Raises:
        ArgumentError: A frame without such a column, or without a word which.
    """
    if not is_frame(texts):
        return texts
    names = [str(name) for name in (texts if isinstance(texts, dict) else texts.columns)]
    if column is None:
        raise ArgumentError(f'Expected column to say which column holds the texts, received a frame of {names}.')
    if column not in names:
        from hefted.errors import unknown_name

        raise unknown_name('column', column, names)
    return texts[column]


def _strings(values: Any, name: str) -> Iterator[str]:
    if not isinstance(values, Iterable):
        raise ArgumentError(
            f'Expected texts to be files or strings, received {type(values).__name__}. '
            'Pass a list of strings, a column of a frame, or the names of files.'
        )
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise ArgumentError(
                f'Expected {name} to be strings, received {value!r} ({type(value).__name__}) in row {row}. '
                'Choose a column of text, and fill what is missing or leave it out.'
            )
        yield value


@contextmanager
def naming_what_is_no_text(texts: Iterable[Any]) -> Generator[None]:
    """Name the first of these that is no text where a tokenizer says that there is one.

    Raises:
        ArgumentError: One is no string, or has half a character.
    """
    try:
        yield
    except (TypeError, UnicodeEncodeError) as error:
        for text in texts:
            if not isinstance(text, str):
                told = f'Expected texts to be strings, received {text!r} ({type(text).__name__}).'
                raise ArgumentError(told) from error
            _require_whole_characters(text)
        raise


def _require_whole_characters(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        at = error.start
        part = text[max(0, at - 40) : at + 40]
        raise ArgumentError(
            f'Expected texts of whole characters, received {part!r}, of which {text[at]!r} is half a character, a lone '
            'surrogate. Mend it: text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").'
        ) from error


def read_documents(
    texts: Texts, *, column: str | None = None, encoding: str = 'utf-8', separator: str = 'blank line'
) -> Iterator[list[str]]:
    r"""Documents as lists of their sentences or lines, in the format of BERT's own pre-training.

    Args:
        texts: As for `read_texts`. Of what is no file, each text is a document; its lines are its sentences.
        column: As there.
        encoding: As there.
        separator: What ends a document: a 'blank line', as in BERT's format, or the end of the 'file'.

    Raises:
        ArgumentError: Another separator, besides what `read_texts` raises.
        DataError: As there.

    Example:
        >>> list(read_documents(['One.\nTwo.', 'Another.']))
        [['One.', 'Two.'], ['Another.']]
    """
    if separator not in ('blank line', 'file'):
        raise ArgumentError(f"Expected separator to be 'blank line' or 'file', received {separator!r}.")
    count = 0
    for document in _documents(texts, column, encoding, separator):
        if document:
            count += 1
            yield document
    if not count:
        raise DataError('Expected at least one document, received none (blank lines are none).')


def _documents(texts: Texts, column: str | None, encoding: str, separator: str) -> Iterator[list[str]]:
    if not named_files(texts):
        for text in _strings(column_of(texts, column), column or 'texts'):
            yield [line.strip() for line in text.splitlines() if line.strip()]
        return
    for path in files_of(texts):
        document: list[str] = []
        for line in read_lines(path, encoding):
            if line.strip():
                document.append(line.strip())
            elif separator == 'blank line':
                yield document
                document = []
        yield document
