"""Steps of BERT's pre-training in Hefted: a plain `fit`, metered as it always is."""

import jax
from bert_common import BATCH, DECAY, DROPOUT, HALF, PLACES, RATE, SEGMENTS, SIZES, Clock, data, jax_compilations

from hefted.losses import SparseCategoricalCrossentropy
from hefted.models import bert
from hefted.optimizers import AdamW

compilations = jax_compilations()
ids, segments, places, tokens, follows = data()
backbone = bert.BertBackbone(
    SIZES['vocabulary'], SIZES['layers'], SIZES['heads'], SIZES['width'], SIZES['hidden'],
    dropout=DROPOUT, max_sequence_length=PLACES, num_segments=SEGMENTS,
    dtype='mixed_bfloat16' if HALF else 'float32',
)  # fmt: skip
model = bert.BertPretrainer(backbone)
loss = SparseCategoricalCrossentropy(from_logits=True)
model.compile(AdamW(RATE, weight_decay=DECAY), {'masked_lm': loss, 'next_sentence': loss})
x = {'token_ids': ids, 'segment_ids': segments, 'mask_positions': places}
y = {'masked_lm': tokens, 'next_sentence': follows}
model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)
clock = Clock(compilations, jax.default_backend())
history = model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)
clock.report(history.history['loss'][-1])
