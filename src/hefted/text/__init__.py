"""Text for BERT and its family: read, cut into word pieces, packed, masked, and handed to `fit` in batches.

    from hefted.text import MaskedLanguageDataset, WordPieceTokenizer

    tokenizer = WordPieceTokenizer.train('novels/*.txt', vocabulary_size=8000)
    data = MaskedLanguageDataset('novels/*.txt', tokenizer, length=128, batch_size=32)
    model.fit(data, epochs=3)

`tokenizers` (`pip install hefted[text]`) is imported when a tokenizer is made.
"""

from __future__ import annotations

from hefted.text.checking import check_tokenizer
from hefted.text.datasets import MaskedLanguageDataset, TextDataset
from hefted.text.masking import Masked, MaskedLMMaskGenerator
from hefted.text.packing import PackedRows, pack
from hefted.text.pairs import sentence_pairs
from hefted.text.reading import read_documents, read_texts
from hefted.text.wordpiece import WordPieceTokenizer

__all__ = [
    'Masked',
    'MaskedLMMaskGenerator',
    'MaskedLanguageDataset',
    'PackedRows',
    'TextDataset',
    'WordPieceTokenizer',
    'check_tokenizer',
    'pack',
    'read_documents',
    'read_texts',
    'sentence_pairs',
]
