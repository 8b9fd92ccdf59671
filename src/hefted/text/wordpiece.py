"""WordPiece, as BERT cuts text: by the `tokenizers` library, trained here or loaded from what others published."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hefted.errors import ArchiveError, ArgumentError, DataError, MissingFileError
from hefted.text.learning import pieces_of
from hefted.text.reading import Texts, named_files, naming_what_is_no_text, read_texts, require_texts
from hefted.text.trimming import room_for, trimmed

SPECIAL = ('[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]')
CONTINUES = '##'  # what begins a piece that goes on a word
# As transformers calls what a vocab.txt does not say, as the library does, and what it is where nothing is said.
_NORMALIZES = (
    ('do_lower_case', 'lowercase', False),
    ('strip_accents', 'strip_accents', None),
    ('tokenize_chinese_chars', 'handle_chinese_chars', True),
)

Arrays = dict[str, NDArray[Any]]


def _library() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError('WordPiece needs the tokenizers library: pip install "hefted[text]".') from error
    return tokenizers


class WordPieceTokenizer:
    """Text to numbers of word pieces, and back.

    `WordPieceTokenizer.train(...)` learns the pieces of a text; `WordPieceTokenizer.load(...)` takes those of a model
    that others published. Called on texts, it gives what a BERT model takes.

    Args:
        tokenizer: A `tokenizers.Tokenizer` of WordPiece, with [PAD], [UNK], [CLS], [SEP] and [MASK].

    Attributes:
        pad_id, unk_id, cls_id, sep_id, mask_id: The numbers of the special tokens.

    Raises:
        ArgumentError: It is not of WordPiece, or a special token is missing.

    Example:
        >>> tokenizer = WordPieceTokenizer.train(['the cat sat on the mat'] * 3, vocabulary_size=40)
        >>> tokenizer.tokenize('The mat')
        ['the', 'mat']
        >>> batch = tokenizer(['the cat', 'the cat sat on the mat'], length=6)
        >>> batch['token_ids'].shape, batch['padding_mask'].sum(axis=1).tolist()
        ((2, 6), [4, 6])
    """

    def __init__(self, tokenizer: Any) -> None:
        kind = type(tokenizer.model).__name__
        if kind != 'WordPiece':
            raise ArgumentError(
                f'Expected a tokenizer of WordPiece, received one of {kind}. BERT models have WordPiece.'
            )
        tokenizer.no_padding()  # both are done here: what they were set to when it was saved is not asked for
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (self._special(one) for one in SPECIAL)

    def _special(self, token: str) -> int:
        number = self._tokenizer.token_to_id(token)
        if number is None:
            raise ArgumentError(
                f'Expected a vocabulary with {", ".join(SPECIAL)}, received one without {token}. '
                'Add it, or load the vocabulary that was published with the model.'
            )
        return number

    @classmethod
    def train(
        cls,
        texts: Texts,
        vocabulary_size: int = 30_522,
        *,
        lowercase: bool = True,
        strip_accents: bool | None = None,
        min_frequency: int = 2,
        column: str | None = None,
        encoding: str = 'utf-8',
    ) -> WordPieceTokenizer:
        """Learn the pieces of a text.

        Args:
            texts: Files or texts, as `read_texts` takes them.
            vocabulary_size: How many pieces at most, the five special ones with them.
            lowercase: Whether capitals are told from small letters no more.
            strip_accents: Whether accents are taken off; None does as `lowercase`.
            min_frequency: How often two pieces must stand side by side to become one.
            column: Of a frame, which holds the texts.
            encoding: Of files.

        Raises:
            ArgumentError: vocabulary_size leaves no room for the letters, or texts are names of files.
            DataError: There is no text.

        Example:
            >>> WordPieceTokenizer.train(['low lower lowest'] * 3, vocabulary_size=40).tokenize('Lowest lowers')
            ['lowest', 'lower', '##s']
        """
        library = _library()
        if not isinstance(vocabulary_size, int) or vocabulary_size <= len(SPECIAL):
            raise ArgumentError(
                f'Expected vocabulary_size to be more than the {len(SPECIAL)} special tokens, received '
                f'{vocabulary_size!r}. Published models have about 30,000; a few MB of text have use for 8,000.'
            )
        require_texts(texts)
        if not named_files(texts) and isinstance(texts, Iterator):
            texts = list(cast('Iterator[str]', texts))  # it is read twice
        learner = library.Tokenizer(library.models.WordPiece(unk_token='[UNK]'))
        _equip(library, learner, lowercase, strip_accents, True)
        read = partial(read_texts, texts, column=column, encoding=encoding)
        with naming_what_is_no_text(read()):
            pieces = pieces_of(library, learner, read, SPECIAL, vocabulary_size, min_frequency)
        return cls(_made(library, pieces, lowercase, strip_accents, True))

    @classmethod
    def load(cls, path: str | os.PathLike[str], lowercase: bool | None = None) -> WordPieceTokenizer:
        """Take a tokenizer that was saved.

        Args:
            path: A `tokenizer.json`, a `vocab.txt`, or a folder with either, as Hugging Face models are.
            lowercase: Whether a vocab.txt is of small letters; None asks the tokenizer_config.json beside it, and the
                vocabulary itself where there is none.

        Raises:
            MissingFileError: There is no such file.
            ArchiveError: It is not a tokenizer.
            ArgumentError: It is one of another kind than WordPiece, or special tokens are missing.

        Example:
            >>> import tempfile
            >>> tokenizer = WordPieceTokenizer.train(['the cat sat'] * 3, vocabulary_size=40)
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     tokenizer.save(folder)
            ...     WordPieceTokenizer.load(folder).tokenize('The cat')
            ['the', 'cat']
        """
        path = Path(path)
        if path.is_dir():
            there = [path / name for name in ('tokenizer.json', 'vocab.txt') if (path / name).is_file()]
            if not there:
                raise MissingFileError(f'Expected a tokenizer.json or a vocab.txt in {path}, found neither.')
            path = there[0]
        if not path.is_file():
            raise MissingFileError(
                f'Expected a tokenizer.json, a vocab.txt or a folder, received {path}: there is none.'
            )
        return cls(_of_json(path) if path.suffix == '.json' else _of_vocabulary(path, lowercase))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a `.json` with all there is to it, a `.txt` with the vocabulary alone, or both into a folder.

        Args:
            path: A file by one of these endings; anything else is a folder, which is made if need be.
        """
        path = Path(path)
        if path.suffix == '.json':
            path.write_text(self._tokenizer.to_str(pretty=True), 'utf-8')
        elif path.suffix == '.txt':
            path.write_text(''.join(f'{token}\n' for token in self.get_vocabulary()), 'utf-8')
        else:
            path.mkdir(parents=True, exist_ok=True)
            self.save(path / 'tokenizer.json')
            self.save(path / 'vocab.txt')
            settings = {name: getattr(self._tokenizer.normalizer, of, usual) for name, of, usual in _NORMALIZES}
            config = {'tokenizer_class': 'BertTokenizer', **settings}
            (path / 'tokenizer_config.json').write_text(json.dumps(config, indent=2), 'utf-8')

    @property
    def lowercase(self) -> bool:
        """Whether capitals are told from small letters no more."""
        return bool(getattr(self._tokenizer.normalizer, 'lowercase', False))

    @property
    def library_tokenizer(self) -> Any:
        """The `tokenizers.Tokenizer` within."""
        return self._tokenizer

    def vocabulary_size(self) -> int:
        """How many pieces there are: one more than the greatest number."""
        return len(self.get_vocabulary())

    def get_vocabulary(self) -> list[str]:
        """The pieces in the order of their numbers."""
        known = {number: token for token, number in self._tokenizer.get_vocab(with_added_tokens=True).items()}
        return [known.get(number, '[UNK]') for number in range(max(known) + 1)]

    def token_to_id(self, token: str) -> int | None:
        """The number of a piece; None where it is not one."""
        return self._tokenizer.token_to_id(token)

    def id_to_token(self, number: int) -> str | None:
        """The piece of a number; None where there is none."""
        return self._tokenizer.id_to_token(int(number))

    def special_ids(self) -> list[int]:
        """The numbers of the special tokens, which no mask hides."""
        return [self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id]

    def tokenize(self, text: str) -> list[str]:
        """The pieces of a text, without [CLS] and [SEP].

        Raises:
            ArgumentError: It is no string, or has half a character.
        """
        with naming_what_is_no_text([text]):
            return self._tokenizer.encode(text, add_special_tokens=False).tokens

    def encode(self, texts: Iterable[str], batch: int = 1024) -> Iterator[list[int]]:
        """The numbers of each text's pieces, without [CLS] and [SEP]; `batch` texts are cut on all cores at once.

        Example:
            >>> tokenizer = WordPieceTokenizer.train(['the cat sat'] * 3, vocabulary_size=40)
            >>> [tokenizer.id_to_token(number) for number in next(tokenizer.encode(['the cat']))]
            ['the', 'cat']
        """
        waiting: list[str] = []
        for text in texts:
            waiting.append(text)
            if len(waiting) == batch:
                yield from self._encoded(waiting)
                waiting = []
        yield from self._encoded(waiting)

    def _encoded(self, texts: list[str]) -> list[list[int]]:
        with naming_what_is_no_text(texts):
            return [one.ids for one in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def decode(self, token_ids: Sequence[int], skip_special: bool = True) -> str:
        """The text of numbers; lower case and single spaces stay."""
        return self._tokenizer.decode([int(one) for one in token_ids], skip_special_tokens=skip_special)

    def __call__(
        self, texts: Texts, pairs: Texts | None = None, *, length: int | None = None, column: str | None = None
    ) -> Arrays:
        """What a BERT model takes: `[CLS] text [SEP]`, or `[CLS] text [SEP] pair [SEP]`.

        Args:
            texts: A list or a column of texts (or one frame's, with `column`); one string is one text.
            pairs: As many second texts, each in segment 1.
            length: Tokens a row, the special ones with them; longer texts are cut (the longer one of a pair first),
                shorter ones padded. None takes the longest.
            column: Of a frame, which holds the texts.

        Returns:
            'token_ids' and 'segment_ids', int32 of shape (texts, length), and 'padding_mask', bool of that shape, True
            where there is a token.

        Raises:
            ArgumentError: Something is no text, length has no room for one token, or the pairs are not as many.
            DataError: There is no text.
        """
        return padded(self.framed(texts, pairs, length=length, column=column), length, self.pad_id)

    def framed(
        self, texts: Texts, pairs: Texts | None = None, *, length: int | None = None, column: str | None = None
    ) -> list[tuple[list[int], list[int]]]:
        """The same as lists of (numbers, segments), without padding."""
        first = self._all(texts, column)
        second = None if pairs is None else self._all(pairs, None)
        if second is not None and len(second) != len(first):
            raise ArgumentError(f'Expected as many pairs as texts, {len(first)}, received {len(second)}.')
        return [self._framed(one, second[row] if second else None, length) for row, one in enumerate(first)]

    def _all(self, texts: Texts, column: str | None) -> list[list[int]]:
        given = [texts] if isinstance(texts, str) else texts
        return list(self.encode(read_texts(given, column=column)))

    def _framed(self, first: list[int], second: list[int] | None, length: int | None) -> tuple[list[int], list[int]]:
        if length is not None:
            first, second = trimmed(first, second, room_for(length, 1 if second is None else 2))
        ids, segments = [self.cls_id, *first, self.sep_id], [0] * (len(first) + 2)
        if second is not None:
            ids, segments = [*ids, *second, self.sep_id], segments + [1] * (len(second) + 1)
        return ids, segments


def padded(framed: list[tuple[list[int], list[int]]], length: int | None, pad_id: int) -> Arrays:
    """Rows of token and segment numbers as arrays of one length; None takes the longest's."""
    length = max(len(ids) for ids, _ in framed) if length is None else length
    token_ids = np.full((len(framed), length), pad_id, np.int32)
    segment_ids = np.zeros_like(token_ids)
    padding_mask = np.zeros(token_ids.shape, bool)
    for row, (ids, segments) in enumerate(framed):
        token_ids[row, : len(ids)], segment_ids[row, : len(ids)], padding_mask[row, : len(ids)] = ids, segments, True
    return {'token_ids': token_ids, 'segment_ids': segment_ids, 'padding_mask': padding_mask}


def _equip(library: Any, tokenizer: Any, lowercase: bool, strip_accents: bool | None, chinese: bool) -> None:
    """Give it BERT's normaliser (clean text, CJK letters apart, accents and capitals off), its words and its pieces."""
    tokenizer.normalizer = library.normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=chinese, strip_accents=strip_accents, lowercase=lowercase
    )
    tokenizer.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = library.decoders.WordPiece(prefix=CONTINUES)


def _of_json(path: Path) -> Any:
    library = _library()
    try:
        return library.Tokenizer.from_str(path.read_text('utf-8'))
    except Exception as error:  # the library raises Exception itself
        raise ArchiveError(f'{path}: expected a tokenizer.json of the tokenizers library, received {error}.') from error


def _of_vocabulary(path: Path, lowercase: bool | None) -> Any:
    library = _library()
    tokens = _tokens_of(path)
    config = _config_beside(path)
    if lowercase is None:
        lowercase = config.get('do_lower_case')
    if lowercase is None:
        lowercase = not any(token != token.lower() for token in tokens if not token.startswith('['))
    accents, chinese = config.get('strip_accents'), config.get('tokenize_chinese_chars', True)
    return _made(library, tokens, bool(lowercase), accents, chinese)


def _made(library: Any, pieces: list[str], lowercase: bool, strip_accents: bool | None, chinese: bool) -> Any:
    numbers = {piece: number for number, piece in enumerate(pieces)}
    made = library.Tokenizer(library.models.WordPiece(numbers, unk_token='[UNK]', max_input_chars_per_word=100))
    _equip(library, made, lowercase, strip_accents, chinese)
    made.add_special_tokens([token for token in SPECIAL if token in numbers])
    if {'[CLS]', '[SEP]'} <= numbers.keys():  # for programs that take the saved file: rows are framed here
        end, begin = (('[SEP]', numbers['[SEP]']), ('[CLS]', numbers['[CLS]']))
        made.post_processor = library.processors.BertProcessing(end, begin)
    return made


def _tokens_of(path: Path) -> list[str]:
    """One piece a line, as BERT's vocab.txt has them; its line is its number."""
    try:
        tokens = path.read_text('utf-8').split('\n')
    except UnicodeDecodeError as error:
        raise ArchiveError(
            f'{path}, byte {error.start}: expected UTF-8, a piece a line, received other bytes.'
        ) from error
    tokens = [token.rstrip('\r') for token in (tokens[:-1] if tokens and not tokens[-1] else tokens)]
    if not tokens:
        raise DataError(f'{path}: expected a piece a line, received an empty file.')
    doubled = next((token for token, times in Counter(tokens).items() if times > 1), None)
    if doubled is not None:
        raise ArchiveError(f'{path}: expected each piece once, received {doubled!r} twice. Take out the second.')
    return tokens


def _config_beside(path: Path) -> dict[str, Any]:
    config = path.with_name('tokenizer_config.json')
    return json.loads(config.read_text('utf-8')) if config.is_file() else {}
