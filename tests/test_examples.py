"""The examples do what they say, on little data."""

from __future__ import annotations

import io
import runpy
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hefted.models import bert
from hefted.text import WordPieceTokenizer

EXAMPLES = Path(__file__).parent.parent / 'examples'
WORDS = ['the', 'cat', 'dog', 'sat', 'ran', 'on', 'mat', 'and', 'then', 'slept', 'film', 'played']


def example(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / f'{name}.py'))


def paragraphs(count: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [' '.join(rng.choice(WORDS, rng.integers(5, 25))) for _ in range(count)]


def test_bert_is_pretrained_on_a_folder_of_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name in ('a', 'b'):
        (tmp_path / f'{name}.txt').write_text('\n\n'.join(paragraphs(80, ord(name))), 'utf-8')
    example('pretrain_bert')['main'](str(tmp_path), vocabulary_size=60, epochs=2)
    said = capsys.readouterr().out
    assert 'Hefted · forecast' in said
    assert 'CO2e' in said.rsplit('Epoch 2/2', 1)[1].split('\n', 1)[1]  # the receipt: short, after many runs
    assert 'Of hidden words in text never seen' in said
    assert 'by how frequent words are alone' in said


@pytest.mark.parametrize(('texts', 'count'), [([], 0), (['one cat\n\none dog'], 1), (['a cat', '\n\n'], 1)])
def test_a_folder_of_less_than_two_texts_is_told_what_is_needed(texts: list[str], count: int, tmp_path: Path):
    for number, text in enumerate(texts):
        (tmp_path / f'{number}.txt').write_text(text, 'utf-8')
    with pytest.raises(SystemExit, match=f'two or more texts in .*, received {count}.*folder of .txt files'):
        example('pretrain_bert')['main'](str(tmp_path))


def stored_by_r(lines: list[str]) -> bytes:
    """As R's package of data keeps a list of strings: its length, then a compressed serialization."""
    head = b'X\n' + bytes.fromhex('00000003000402010003050000000005') + b'UTF-8'
    values = b''.join(
        b'\0\x04\0\x09' + len(line.encode()).to_bytes(4, 'big') + line.encode() for line in lines
    )  # fmt: skip
    whole = head + b'\0\0\0\x10' + len(lines).to_bytes(4, 'big') + values
    return len(whole).to_bytes(4, 'big') + zlib.compress(whole)


def debian_package(path: Path, name: str, content: bytes) -> None:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode='w:xz') as files:
        information = tarfile.TarInfo(name)
        information.size = len(content)
        files.addfile(information, io.BytesIO(content))
    parts = b''
    for member, body in ((b'debian-binary', b'2.0\n'), (b'data.tar.xz', tar.getvalue())):
        head = member.ljust(16) + b'0'.ljust(12) + b'0'.ljust(12) + b'100644'.ljust(8)
        parts += head + str(len(body)).encode().ljust(10) + b'`\n' + body + b'\n' * (len(body) % 2)
    path.write_bytes(b'!<arch>\n' + parts)


def test_novels_are_read_out_of_debians_package(tmp_path: Path):
    novels = [['EMMA', '', 'Emma Woodhouse,', 'handsome.', '', 'She was — clever.'], ['PERSUASION', '', 'Sir Walter.']]
    content = b''.join(map(stored_by_r, novels))
    debian_package(tmp_path / 'a.deb', './usr/lib/R/site-library/janeaustenr/data/Rdata.rdb', content)
    assert list(example('pretrain_bert')['texts_of'](tmp_path / 'a.deb')) == [
        ['EMMA', 'Emma Woodhouse,\nhandsome.', 'She was — clever.'],
        ['PERSUASION', 'Sir Walter.'],
    ]


def archive_of(path: Path, lines: list[str]) -> None:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode='w:gz') as files:
        content = '\n'.join(lines).encode('latin-1')
        information = tarfile.TarInfo('hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt')
        information.size = len(content)
        files.addfile(information, io.BytesIO(content))
    with zipfile.ZipFile(path, 'w') as files:
        files.writestr('vaderSentiment-0.5/additional_resources/hutto_ICWSM_2014.tar.gz', tar.getvalue())


def test_a_model_is_finetuned_on_sentences_with_ratings(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    texts = paragraphs(60, 0)
    lines = [f'{n}\t{2.1 if n % 2 else -1.5}\t{text} {"good" if n % 2 else "bad"}' for n, text in enumerate(texts)]
    archive_of(tmp_path / 'sentences.zip', lines)
    folder = tmp_path / 'model'
    WordPieceTokenizer.train([line.split('\t')[2] for line in lines], 80).save(folder)
    pieces = WordPieceTokenizer.load(folder).vocabulary_size()
    backbone = bert.BertBackbone(pieces, num_layers=2, num_heads=2, hidden_dim=16, intermediate_dim=32)
    backbone.build()
    bert.to_hugging_face(backbone, folder)
    example('finetune_minilm')['main'](str(tmp_path / 'sentences.zip'), folder, rows=40, epochs=1)
    said = capsys.readouterr().out
    assert 'Hefted · forecast' in said
    assert 'Of 12 sentences never seen' in said
    assert 'by the more frequent answer alone' in said
