"""The published shapes of BERT, and how many parameters each has.

Sources: Devlin et al. 2019, "BERT: Pre-training of deep bidirectional transformers for language understanding" (base
and large; the multilingual and Chinese ones are of its repository); Turc et al. 2019, "Well-read students learn better"
(tiny to medium); Wang et al. 2020, "MiniLM". Sizes of vocabularies are those of the vocab.txt published with each.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BertConfig:
    """The sizes of one BERT.

    Args:
        vocabulary_size: Rows of the token embedding.
        num_layers: Blocks.
        num_heads: Heads of each block's attention.
        hidden_dim: The width.
        intermediate_dim: The width between a block's two dense layers.
        max_sequence_length: Rows of the position embedding.
        num_segments: Rows of the segment embedding.

    Example:
        >>> PUBLISHED['bert_base_en_uncased'].count_params()
        109482240
        >>> PUBLISHED['bert_base_en_uncased'].count_params(next_sentence=True, masked_lm=True)
        110106428
    """

    vocabulary_size: int
    num_layers: int
    num_heads: int
    hidden_dim: int
    intermediate_dim: int
    max_sequence_length: int = 512
    num_segments: int = 2

    def count_params(self, pooler: bool = True, masked_lm: bool = False, next_sentence: bool = False) -> int:
        """The number of parameters, without making any.

        Args:
            pooler: With the dense layer over the first token.
            masked_lm: With the head for masked tokens; its decoder is the token embedding, so it adds a bias only.
            next_sentence: With the head that tells whether the second sentence follows the first.

        Example:
            >>> BertConfig(50, 1, 2, 8, 32).count_params(pooler=False)
            5400
        """
        return (
            self._embeddings()
            + self.num_layers * self._block()
            + pooler * self._dense(self.hidden_dim, self.hidden_dim)
            + masked_lm * (self._dense(self.hidden_dim, self.hidden_dim) + self._norm() + self.vocabulary_size)
            + next_sentence * self._dense(self.hidden_dim, 2)
        )

    def _embeddings(self) -> int:
        rows = self.vocabulary_size + self.max_sequence_length + self.num_segments
        return rows * self.hidden_dim + self._norm()

    def _block(self) -> int:
        attention = 4 * self._dense(self.hidden_dim, self.hidden_dim) + self._norm()
        up, down = (self.hidden_dim, self.intermediate_dim), (self.intermediate_dim, self.hidden_dim)
        return attention + self._dense(*up) + self._dense(*down) + self._norm()

    def _norm(self) -> int:
        return 2 * self.hidden_dim

    @staticmethod
    def _dense(inputs: int, outputs: int) -> int:
        return inputs * outputs + outputs


def _small(num_layers: int, hidden_dim: int, vocabulary_size: int = 30_522) -> BertConfig:
    """A head for each 64 of the width, and four times the width between the dense layers."""
    return BertConfig(vocabulary_size, num_layers, hidden_dim // 64, hidden_dim, 4 * hidden_dim)


#: The sizes by KerasHub's names of its presets, where it has them. Counts are with pooler and without heads.
PUBLISHED: dict[str, BertConfig] = {
    'bert_tiny_en_uncased': _small(2, 128),  # 4,385,920
    'bert_mini_en_uncased': _small(4, 256),  # 11,170,560
    'bert_small_en_uncased': _small(4, 512),  # 28,763,648
    'bert_medium_en_uncased': _small(8, 512),  # 41,373,184
    'bert_base_en_uncased': _small(12, 768),  # 109,482,240
    'bert_base_en': _small(12, 768, 28_996),  # 108,310,272: cased, as are those without 'uncased'
    'bert_base_zh': _small(12, 768, 21_128),  # 102,267,648
    'bert_base_multi': _small(12, 768, 119_547),  # 177,853,440
    'bert_base_multi_uncased': _small(12, 768, 105_879),  # 167,356,416
    'bert_large_en_uncased': _small(24, 1024),  # 335,141,888
    'bert_large_en': _small(24, 1024, 28_996),  # 333,579,264
    'minilm_l6_h384_uncased': BertConfig(30_522, 6, 12, 384, 1536),  # 22,713,216
    'minilm_l12_h384_uncased': BertConfig(30_522, 12, 12, 384, 1536),  # 33,360,000
}
