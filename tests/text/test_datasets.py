"""What `fit` takes: every text once an epoch, masks anew, the same after a resume, each host its part."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from hefted.errors import ArgumentError, DataError
from hefted.text import MaskedLanguageDataset, TextDataset, WordPieceTokenizer

WORDS = ['the', 'a', 'cat', 'dog', 'fox', 'sat', 'ran', 'on', 'in', 'mat', 'house', 'quickly', 'slowly', 'again']


def documents(count: int = 60, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return ['\n'.join(' '.join(rng.choice(WORDS, rng.integers(2, 30))) for _ in range(rng.integers(1, 6)))
            for _ in range(count)]  # fmt: skip


TEXTS = documents()


@pytest.fixture(scope='module')
def tokenizer() -> WordPieceTokenizer:
    return WordPieceTokenizer.train(TEXTS, vocabulary_size=90)


def begin(data: MaskedLanguageDataset | TextDataset, epoch: int) -> None:
    """As `fit` does: a look at the first batch, and the epochs before."""
    for _ in range(epoch + 1):
        data.on_epoch_begin()
        data.on_epoch_end()


def unmasked(batch: tuple) -> np.ndarray:
    x, ids, weights = batch
    rows = x['token_ids'].copy()
    for row in range(len(rows)):
        there = weights[row] == 1
        rows[row, x['mask_positions'][row][there]] = ids[row][there]
    return rows


def all_rows(data: MaskedLanguageDataset) -> list[list[int]]:
    return [row.tolist() for batch in data for row in unmasked(batch)]


def test_every_token_of_the_text_comes_once_an_epoch(tokenizer: WordPieceTokenizer):
    data = MaskedLanguageDataset(TEXTS, tokenizer, length=48, batch_size=8)
    special = tokenizer.special_ids()
    found = np.sort([token for row in all_rows(data) for token in row if token not in special])
    wanted = np.sort([token for text in TEXTS for token in next(tokenizer.encode([text]))])
    assert found.tolist() == wanted.tolist()
    assert data.waste < 0.05
    assert 'batches of 8' in str(data)


def test_a_batch_is_what_bert_takes(tokenizer: WordPieceTokenizer):
    x, ids, weights = MaskedLanguageDataset(TEXTS, tokenizer, length=48, batch_size=8)[0]
    names = {'token_ids', 'segment_ids', 'packing_ids', 'position_ids', 'padding_mask', 'mask_positions'}
    assert {*x} == names
    assert ids.shape == weights.shape == x['mask_positions'].shape == (8, 7)
    x, *_ = MaskedLanguageDataset(TEXTS, tokenizer, length=48, batch_size=8, packed=False)[0]
    assert {*x} == names - {'packing_ids', 'position_ids'}


def test_each_epoch_has_its_own_order_and_masks_and_the_same_rows(tokenizer: WordPieceTokenizer):
    data = MaskedLanguageDataset(TEXTS, tokenizer, length=48, batch_size=8)
    begin(data, 0)
    first, one = all_rows(data), data[0]
    begin(data, 0)
    second, two = all_rows(data), data[0]
    assert first != second
    assert sorted(first) == sorted(second)
    assert (one[0]['mask_positions'] != two[0]['mask_positions']).any()


def test_in_a_loop_of_ones_own_no_two_epochs_are_alike(tokenizer: WordPieceTokenizer):
    data = MaskedLanguageDataset(TEXTS, tokenizer, length=48, batch_size=8)
    assert len(data) == data.num_batches == len(list(data))
    first, epochs = all_rows(data), []
    for _ in range(4):  # before the first one there was none that ended
        epochs.append([x['token_ids'].tolist() for x, *_ in data])
        data.on_epoch_end()
    assert all(one != other for n, one in enumerate(epochs) for other in epochs[:n])
    assert sorted(all_rows(data)) == sorted(first)


def test_what_is_validated_on_can_stay_as_it_is(tokenizer: WordPieceTokenizer):
    data = MaskedLanguageDataset(TEXTS, tokenizer, length=48, batch_size=8, shuffle=False, dynamic=False)
    before = data[1]
    begin(data, 3)
    np.testing.assert_equal(data[1], before)


def test_masks_that_stay_go_with_their_row_wherever_and_on_whichever_host_it_comes(tokenizer: WordPieceTokenizer):
    def masked(epoch: int, shard: tuple[int, int]) -> dict[int, list[int]]:
        data = MaskedLanguageDataset(TEXTS, tokenizer, length=48, batch_size=8, dynamic=False, shard=shard)
        begin(data, epoch)
        return {
            number: row.tolist()
            for index in range(data.num_batches)
            for number, row in zip(data.row_numbers(index), data[index][0]['token_ids'], strict=True)
        }

    whole = masked(0, (0, 1))
    assert masked(1, (0, 1)) == whole
    assert len({tuple(row) for row in whole.values()}) == len(whole)
    halves = masked(2, (0, 2)) | masked(2, (1, 2))
    assert halves == {number: whole[number] for number in halves}
    assert len(halves) >= len(whole) - 1


def test_a_resumed_training_sees_what_it_would_have_seen(tokenizer: WordPieceTokenizer):
    data = MaskedLanguageDataset(TEXTS, tokenizer, length=48, batch_size=8, seed=3)
    begin(data, 2)
    resumed = MaskedLanguageDataset(TEXTS, tokenizer, length=48, batch_size=8, seed=3)
    begin(resumed, 0)
    resumed.set_state(data.get_state())
    np.testing.assert_equal(resumed[4], data[4])
    other = MaskedLanguageDataset(TEXTS, tokenizer, length=48, batch_size=8, seed=4)
    with pytest.raises(ArgumentError, match='seed=3 as in the training that is resumed, received 4'):
        other.set_state(data.get_state())


def test_hosts_share_each_batch_and_have_as_many(tokenizer: WordPieceTokenizer):
    def made(shard: tuple[int, int]) -> MaskedLanguageDataset:
        return MaskedLanguageDataset(TEXTS, tokenizer, length=48, batch_size=8, shard=shard)

    whole, parts = made((0, 1)), [made((index, 4)) for index in range(4)]
    assert len({part.num_batches for part in parts}) == 1
    whole_first = sorted(row.tolist() for row in unmasked(whole[0]))
    assert sorted(row.tolist() for part in parts for row in unmasked(part[0])) == whole_first
    for index, part in enumerate(parts):  # masks are those of the whole batch
        np.testing.assert_array_equal(part[0][0]['token_ids'], whole[0][0]['token_ids'][index::4])
    assert len({len(unmasked(part[part.num_batches - 1])) for part in parts}) == 1
    with pytest.raises(ArgumentError, match='a multiple of 3, received 8'):
        made((0, 3))
    with pytest.raises(ArgumentError, match=r'index from 0 to count - 1, received \(4, 4\)'):
        made((4, 4))


def test_pairs_tell_whether_the_second_follows(tokenizer: WordPieceTokenizer):
    data = MaskedLanguageDataset(TEXTS, tokenizer, length=32, batch_size=8, next_sentence=True)
    labels = []
    for x, y, weights in data:
        assert {*x} == {'token_ids', 'segment_ids', 'padding_mask', 'mask_positions'}
        assert {*y} == {*weights} == {'masked_lm', 'next_sentence'}
        assert ((x['token_ids'] == tokenizer.sep_id).sum(axis=1) == 2).all()
        assert (x['segment_ids'].max(axis=1) == 1).all()
        labels += y['next_sentence'].tolist()
    assert 0.2 < np.mean(labels) < 0.9
    with pytest.raises(ArgumentError, match='packed or next_sentence, received both'):
        MaskedLanguageDataset(TEXTS, tokenizer, next_sentence=True, packed=True)


def test_a_text_whose_lines_fill_a_row_gives_pairs_that_follow_one_another(tokenizer: WordPieceTokenizer):
    paragraphs = ['\n'.join(' '.join(text.split() * 8) for text in documents(4, seed)) for seed in range(8)]
    data = MaskedLanguageDataset(paragraphs, tokenizer, length=32, batch_size=8, next_sentence=True)
    labels = np.concatenate([y['next_sentence'] for _, y, _ in data])
    assert 0.3 < labels.mean() < 0.7
    told = sum(len(one) for one in tokenizer.encode(paragraphs))
    assert data.tokens > 1.2 * told  # half of the second texts are another document's, and come once more


def test_pairs_of_which_next_to_none_follow_are_told(tokenizer: WordPieceTokenizer):
    single = [text.replace('\n', ' ') for text in TEXTS]
    with pytest.warns(UserWarning, match='60 pairs of sentences 0 follow one another.*needs a sentence a line'):
        MaskedLanguageDataset(single, tokenizer, length=256, batch_size=8, next_sentence=True)


@pytest.mark.parametrize('of', [MaskedLanguageDataset, TextDataset, WordPieceTokenizer])
def test_names_of_files_are_not_taken_for_texts(of: type, tokenizer: WordPieceTokenizer, tmp_path: Path):
    names = [str(tmp_path / name) for name in ('a.txt', 'b.txt')]
    for name in names:
        Path(name).write_text('the cat sat', 'utf-8')
    with pytest.raises(ArgumentError, match=r"list of texts, received names of files, such as '.*a\.txt'.*Paths"):
        if of is WordPieceTokenizer:
            WordPieceTokenizer.train(names)
        elif of is TextDataset:
            TextDataset(names, [0, 1], tokenizer)
        else:
            MaskedLanguageDataset(names, tokenizer)
    with pytest.raises(ArgumentError, match=r"such as '.*a\.txt' \(there is no file 'the cat'\)"):
        MaskedLanguageDataset(['the cat', *names, 'a dog ' * 300], tokenizer)  # some are


@pytest.mark.parametrize(
    ('given', 'told'),
    [
        (['novels/*.txt'], r"such as 'novels/\*\.txt' \(there is no file 'novels/\*\.txt'\)\. Pass one pattern"),
        (['novels/*'], "there is no file 'novels/"),
        (['n8.txt', 'n9.txt'], r"no file 'n8\.txt'.*Paths: \[Path\(name\) for name in names\]"),
        (('reviews.csv.gz', 'More.JSONL'), r'pass np\.array\(texts\)'),
    ],
)
def test_names_of_files_that_are_not_there_are_told(given: list[str], told: str, tokenizer: WordPieceTokenizer):
    for make in (WordPieceTokenizer.train, partial(MaskedLanguageDataset, tokenizer=tokenizer)):
        with pytest.raises(ArgumentError, match=told):
            make(given)
    with pytest.raises(ArgumentError, match=told):
        TextDataset(given, None, tokenizer)


@pytest.mark.parametrize(
    'texts',
    [
        ['good', 'bad', 'e.g.'],
        ['***', '*'],
        ['so/so', 'and/or', '1/2*3 is'],
        ['https://a.example/b.html', 'see a.txt'],
        ['file.txt is empty', 'read.csv'],
        ['LICENSE', 'good'],
    ],
)
def test_short_texts_are_taken_for_texts(
    texts: list[str], tokenizer: WordPieceTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / 'LICENSE').touch()  # a word that names a file by chance
    monkeypatch.chdir(tmp_path)
    assert TextDataset(texts, None, tokenizer).num_batches == 1


def test_one_string_names_a_file_whose_lines_are_texts(tokenizer: WordPieceTokenizer, tmp_path: Path):
    (tmp_path / 'a.txt').write_text('the cat\n\na dog\n', 'utf-8')
    data = TextDataset(str(tmp_path / 'a.txt'), [1, 0], tokenizer, length=8, batch_size=2, shuffle=False)
    assert data[0][0]['token_ids'].tolist() == tokenizer(['the cat', 'a dog'], length=8)['token_ids'].tolist()
    (tmp_path / 'a.txt').write_text('th\xe9 cat\na dog\n', 'latin-1')
    with pytest.raises(DataError, match="such as encoding='latin-1'"):
        TextDataset(str(tmp_path / 'a.txt'), [1, 0], tokenizer, length=8)
    read = TextDataset(tmp_path / 'a.txt', [1, 0], tokenizer, 8, batch_size=2, shuffle=False, encoding='latin-1')
    assert (read[0][0]['token_ids'] == data[0][0]['token_ids']).all()


def test_numbers_can_be_kept_in_a_file(tokenizer: WordPieceTokenizer, tmp_path: Path):
    kept = MaskedLanguageDataset(TEXTS, tokenizer, length=48, batch_size=8, tokens_file=tmp_path / 'tokens')
    np.testing.assert_equal(kept[0], MaskedLanguageDataset(TEXTS, tokenizer, length=48, batch_size=8)[0])
    assert (tmp_path / 'tokens').stat().st_size == 4 * sum(len(one) for one in tokenizer.encode(TEXTS))


def test_data_whose_file_is_written_anew_keeps_its_own_text(tokenizer: WordPieceTokenizer, tmp_path: Path):
    long = MaskedLanguageDataset(TEXTS * 9, tokenizer, length=48, batch_size=8, tokens_file=tmp_path / 'tokens')
    last = long[long.num_batches - 2]
    short = MaskedLanguageDataset(['the cat sat'], tokenizer, length=48, batch_size=8, tokens_file=tmp_path / 'tokens')
    np.testing.assert_equal(long[long.num_batches - 2], last)
    assert short.tokens == 5


def test_a_file_that_cannot_be_written_whole_leaves_the_one_before_and_nothing_else(
    tokenizer: WordPieceTokenizer, tmp_path: Path
):
    MaskedLanguageDataset(TEXTS, tokenizer, length=48, batch_size=8, tokens_file=tmp_path / 'tokens')
    before = (tmp_path / 'tokens').read_bytes()
    with pytest.raises(ArgumentError, match='received None'):
        MaskedLanguageDataset([*TEXTS * 20, None], tokenizer, length=48, batch_size=8, tokens_file=tmp_path / 'tokens')
    assert [one.name for one in tmp_path.iterdir()] == ['tokens']
    assert (tmp_path / 'tokens').read_bytes() == before


def test_text_without_a_token_is_refused(tokenizer: WordPieceTokenizer):
    with pytest.raises(DataError, match='none of which anything is a token'):
        MaskedLanguageDataset(['\u200b'], tokenizer)
    with pytest.raises(ArgumentError, match='at least 3 tokens, received 2'):
        MaskedLanguageDataset(TEXTS, tokenizer, length=2)


def test_labelled_texts_come_in_batches_of_like_length(tokenizer: WordPieceTokenizer):
    texts, labels = [text.replace('\n', ' ') for text in TEXTS], np.arange(len(TEXTS))
    data = TextDataset(texts, labels, tokenizer, length=64, batch_size=4, lengths=(16, 32))
    plain = TextDataset(texts, labels, tokenizer, length=64, batch_size=4)
    seen = {}
    for x, y in data:
        assert x['token_ids'].shape[1] in (16, 32, 64)
        seen |= {
            int(label): row[mask].tolist()
            for label, row, mask in zip(y, x['token_ids'], x['padding_mask'], strict=True)
        }
    whole = tokenizer(texts, length=64)
    assert seen == {n: whole['token_ids'][n][whole['padding_mask'][n]].tolist() for n in range(len(texts))}
    assert data.waste < plain.waste


def test_a_frame_gives_texts_pairs_and_labels_by_the_names_of_its_columns(tokenizer: WordPieceTokenizer):
    frame = {'one': ['the cat', 'a dog'], 'two': ['sat', 'ran'], 'label': [1, 0]}
    data = TextDataset(frame, 'label', tokenizer, length=16, batch_size=2, column='one', pairs='two', shuffle=False)
    x, y = data[0]
    assert y.tolist() == [1, 0]
    assert (x['token_ids'] == tokenizer(frame['one'], frame['two'], length=16)['token_ids']).all()
    with pytest.raises(ArgumentError, match='as many labels as texts, 2, received 3'):
        TextDataset(frame['one'], [1, 2, 3], tokenizer)
    with pytest.raises(ArgumentError, match=r"labels to be as many as the texts, received 'label'.*list, no frame"):
        TextDataset(frame['one'], 'label', tokenizer)
    with pytest.raises(ArgumentError, match='lengths from 3 tokens to length=16'):
        TextDataset(frame['one'], None, tokenizer, length=16, lengths=(32,))


def test_labels_of_one_per_place_are_as_long_as_their_batch(tokenizer: WordPieceTokenizer):
    texts = ['the cat', 'a dog ' * 6] * 4
    labels = np.where(tokenizer(texts, length=16)['padding_mask'], np.arange(8)[:, None], -100)
    data = TextDataset(texts, labels, tokenizer, length=16, batch_size=2, lengths=(8,))
    batches = list(data)
    assert {y.shape for _, y in batches} == {(2, 8), (2, 16)}
    for index, (x, y) in enumerate(batches):
        expected = np.where(x['padding_mask'], data.row_numbers(index)[:, None], -100)
        np.testing.assert_array_equal(y, expected)
    of_row = TextDataset(texts, np.zeros((8, 12)), tokenizer, length=16, batch_size=2, lengths=(8,))
    assert {y.shape for _, y in of_row} == {(2, 12)}


def test_labels_of_a_column_of_lists_are_rows(tokenizer: WordPieceTokenizer):
    column = np.empty(2, object)
    column[:] = [[1, 2], [3, 4]]
    data = TextDataset(['the cat', 'a dog'], column, tokenizer, length=8, shuffle=False)
    assert data[0][1].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ('labels', 'told'),
    [
        ([[1, 2], [1]], 'labels of one shape for all texts, received rows of several lengths. Pad them'),
        ([np.zeros(3), np.zeros(2)], 'labels of one shape'),
        ((label for label in (0, 1)), r'labels to be a list.*received generator\. Pass list\(labels\)'),
        (iter([0, 1]), 'received list_iterator'),
        ({0, 1}, 'received set'),
    ],
)
def test_labels_that_are_no_array_are_told(labels: object, told: str, tokenizer: WordPieceTokenizer):
    with pytest.raises(ArgumentError, match=told):
        TextDataset(['the cat', 'a dog'], labels, tokenizer, length=8)


@pytest.mark.parametrize('of', [MaskedLanguageDataset, TextDataset])
@pytest.mark.parametrize(
    ('given', 'told'),
    [
        ({'seed': -1}, 'seed to be a whole number of at least 0, received -1'),
        ({'seed': None}, 'seed to be a whole number of at least 0, received None'),
        ({'batch_size': 2.0}, r'batch_size to be a whole number of at least 1, received 2\.0'),
        ({'batch_size': 0}, 'batch_size to be a whole number of at least 1, received 0'),
        ({'length': 16.0}, r'length to be a whole number with room .* received 16\.0'),
        ({'length': None}, 'length to be a whole number with room .* received None'),
    ],
)
def test_what_is_no_number_of_such_things_is_told(
    of: type, given: dict[str, object], told: str, tokenizer: WordPieceTokenizer
):
    labels = {'labels': None} if of is TextDataset else {}
    with pytest.raises(ArgumentError, match=told):
        of(TEXTS, tokenizer=tokenizer, **labels, **given)


@pytest.mark.parametrize('lengths', [8, (8.0,), (2,), (17,)])
def test_lengths_that_are_none_are_told(lengths: object, tokenizer: WordPieceTokenizer):
    with pytest.raises(ArgumentError, match=r'lengths from 3 tokens to length=16, received .*whole numbers'):
        TextDataset(TEXTS, None, tokenizer, length=16, lengths=lengths)
    assert TextDataset(TEXTS, None, tokenizer, length=16, lengths=np.array([8, 4])).lengths == [4, 8, 16]
