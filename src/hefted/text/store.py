"""Documents as numbers: all tokens in one array, in memory or in a file that is mapped, and where sentences end."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hefted.errors import DataError
from hefted.text.wordpiece import WordPieceTokenizer

Tokens = NDArray[np.int32]


class TokenStore(Sequence[list[list[int]]]):
    """Documents, each a list of its sentences' numbers; sentences of no token, and documents of none, are left out.

    Args:
        tokens: All of them, int32, in memory or mapped.
        sentences: Where each sentence ends, in tokens.
        documents: Where each document ends, in sentences.
    """

    def __init__(self, tokens: Tokens, sentences: NDArray[np.int64], documents: NDArray[np.int64]) -> None:
        kept = np.diff(sentences, prepend=0) > 0
        self.tokens, self.sentences = tokens, sentences[kept]
        ends = np.concatenate([[0], np.cumsum(kept)])[documents]
        self.documents: NDArray[np.int64] = np.unique(ends[ends > 0])

    def __len__(self) -> int:
        return len(self.documents)

    def __getitem__(self, number: Any) -> Any:
        first = int(self.documents[number - 1]) if number else 0
        return [self._sentence(one) for one in range(first, int(self.documents[number]))]

    def ends(self) -> Iterator[NDArray[np.int64]]:
        """Of each document, where it begins and where each of its sentences ends, in tokens."""
        ends, first = np.concatenate([[0], self.sentences]), 0
        for last in self.documents.tolist():
            yield ends[first : last + 1]
            first = last

    def _sentence(self, number: int) -> list[int]:
        return self.tokens[int(self.sentences[number - 1]) if number else 0 : int(self.sentences[number])].tolist()


def store_of(documents: Iterable[Sequence[str]], tokenizer: WordPieceTokenizer, file: Path | None = None) -> TokenStore:
    """Cut documents into pieces as they come.

    Args:
        documents: Lists of sentences.
        tokenizer: What cuts.
        file: Where the numbers are kept (4 bytes each) instead of memory: it is written anew, beside what is there and
            then in its place, so that who reads the old one goes on with that.

    Raises:
        DataError: Nothing of the text is a token.
        OSError: The file cannot be written; what was there is still there.
    """
    sentences, ends = array('q'), array('q')
    counted = _counted(documents, ends)
    tokens: Tokens
    if file is None:
        held = array('i')
        for ids in tokenizer.encode(counted):
            held.extend(ids)
            sentences.append(len(held))
        tokens = np.frombuffer(held, np.int32) if held else np.zeros(0, np.int32)
    else:
        _write(tokenizer.encode(counted), file, sentences)
        tokens = np.memmap(file, np.int32, 'r') if sentences and sentences[-1] else np.zeros(0, np.int32)
    if not len(tokens):
        raise DataError('Expected text, received none of which anything is a token.')
    return TokenStore(tokens, np.array(sentences, np.int64), np.array(ends, np.int64))


def _counted(documents: Iterable[Sequence[str]], ends: array[int]) -> Iterator[str]:
    count = 0
    for document in documents:
        yield from document
        count += len(document)
        ends.append(count)


def _write(texts: Iterable[list[int]], file: Path, sentences: array[int]) -> None:
    total, file = 0, file.resolve()  # a link stays one
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f'.{file.name}.', ignore_cleanup_errors=True) as folder:
        aside = Path(folder, file.name)
        with aside.open('wb') as content:
            for ids in texts:
                array('i', ids).tofile(content)
                sentences.append(total := total + len(ids))
        aside.replace(file)
