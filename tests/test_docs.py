"""The programs in the papers run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

DOCS = Path(__file__).parent.parent / 'docs'


def test_berts_programs_run_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    blocks = re.findall(r'```python\n(.*?)```', (DOCS / 'bert.md').read_text('utf-8'), re.DOTALL)
    rng = np.random.default_rng(0)
    words = np.array(
        ['the', 'a', 'cat', 'dog', 'sat', 'ran', 'on', 'so', 'very', 'good', 'bad', 'indeed', 'mat', 'slept']
    )
    (tmp_path / 'novels').mkdir()
    for name in 'ab':
        sentences = [' '.join(rng.choice(words, rng.integers(4, 12))) + '.' for _ in range(96)]
        paragraphs = ['\n'.join(sentences[at : at + 8]) for at in range(0, 96, 8)]
        (tmp_path / 'novels' / f'{name}.txt').write_text('\n\n'.join(paragraphs), 'utf-8')
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {'__name__': 'bert'}
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 9
    assert names['model'].optimizer.iterations > 0
    assert names['same'].count_params() == names['classifier'].count_params()
    told = capsys.readouterr().out
    assert 'of base 109,482,240' in told
    assert '8 x H200' in told
    assert_tags_are_scored_alone(names)


def assert_tags_are_scored_alone(names: dict[str, Any]) -> None:
    """Loss and accuracy of the tagger, by hand over the words' first pieces."""
    logits = np.asarray(names['tagger'](names['inputs']), np.float64)
    found = names['tagger'].evaluate(
        names['inputs'], names['targets'], sample_weight=names['tagged'], batch_size=16, verbose=0
    )
    losses, right = [], []
    for row, (words, tags) in enumerate(zip(names['words'], names['tags'], strict=True)):
        place = 1
        for word, tag in zip(words, tags, strict=True):
            scores = logits[row, place]
            losses.append(np.log(np.exp(scores).sum()) - scores[tag])
            right.append(scores.argmax() == tag)
            place += len(names['tokenizer'].tokenize(word))
    np.testing.assert_allclose(found, [np.mean(losses), np.mean(right)], rtol=1e-5)
